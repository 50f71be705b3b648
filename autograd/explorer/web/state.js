/* The state of the page; views are called after every change. */

import { payload, runs } from "./payload.js";

const state = {
  language: payload.language,
  picture: 0, run: 0, frame: runs[0].start, step: 0, selected: null, zoom: 0,
  turned: "", // the scope last opened or closed
  looked: null, focused: null, // the nodes under the pointer, or else the focus; the nodes under the focus
  live: null, // the reader's numbers: see live.js
  predict: false, // whether the next number is hidden
  revealed: -1, // the step whose number was guessed or shown
  curves: [], // loss curves kept by the reader, the latest first
};
const views = [];

/** Views are updated in the order of their calls here. */
const view = (task) => views.push(task);

/** A change by a view, such as one that moves the focus, waits until all views have shown the change before. */
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

/** A task that runs when one of its dependencies, or the language, has changed. */
function onChange(dependencies, task) {
  let before = null;
  return () => {
    const now = [state.language, ...dependencies()];
    if (before?.every((each, place) => each === now[place])) return;
    before = now;
    task();
  };
}

/** A function of the state, computed when one of its dependencies has changed. */
function kept(dependencies, compute) {
  let result;
  const renew = onChange(dependencies, () => (result = compute()));
  return () => (renew(), result);
}

export { change, kept, onChange, state, view };
