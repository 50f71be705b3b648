/* What is shown now. Whoever shows something is told of every change, and looks whether it is concerned. */

import { payload, runs } from "./payload.js";

const state = {
  language: payload.language,
  picture: 0, run: 0, frame: runs[0].start, step: 0, selected: null, zoom: 0,
  turned: "", // the scope that was opened or closed last
  looked: null, focused: null, // the nodes of what the pointer, or else the focus, is on
  live: null, // the reader's own numbers in the place of the recorded ones: see live.js
  predict: false, // whether the next number is to be guessed before it is shown
  revealed: -1, // the step whose number has been guessed or shown
  curves: [], // loss curves of earlier trainings from the reader's numbers, the latest first
};
const views = [];

/** Views are brought up to date in the order in which they were added. */
const view = (task) => views.push(task);

/** A change that a view makes, as one that moves the focus does, is shown when all views have shown the one before. */
let showing = false;
let again = false;
function change(next = {}) {
  Object.assign(state, next);
  again = true;
  if (showing) return;
  showing = true;
  try {
    while (again) {
      again = false;
      for (const task of views) task();
    }
  } finally {
    showing = false;
  }
}

/** A task that is done again only when something that it depends on has changed, or the language. */
function onChange(dependencies, task) {
  let before = null;
  return () => {
    const now = [state.language, ...dependencies()];
    if (before?.every((each, place) => each === now[place])) return;
    before = now;
    task();
  };
}

/** What a function of the state gives, computed again only when something that it depends on has changed. */
function kept(dependencies, compute) {
  let result;
  const renew = onChange(dependencies, () => (result = compute()));
  return () => (renew(), result);
}

export { change, kept, onChange, state, view };
