/* The page: stepping through, by buttons, keys and the slider. */

import { element, find, put } from "./elements.js";
import { atEnd, atStart, count, current, PHASES, plan, upTo } from "./graph.js";
import "./away.js";
import "./details.js";
import { scale } from "./drawing.js";
import { given } from "./given.js";
import { restore, saved, train } from "./live.js";
import "./plane.js";
import "./predict.js";
import { scaleNetwork } from "./network.js";
import { pictures, trains } from "./payload.js";
import { closeAll, openAll, scopes, select, widest } from "./scopes.js";
import { say, toggle } from "./say.js";
import { change, onChange, state, view } from "./state.js";
import { switchFrame } from "./training.js";
import { told } from "./words.js";
import { spoken } from "./writing.js";

const tell = onChange(() => [state.frame, state.live, state.picture, state.step, upTo()], () => {
  const step = current();
  const { words, formula } = told(step);
  const total = count();
  put(find("sentence"), words);
  find("formula").replaceChildren(spoken(formula));
  const slider = find("position");
  slider.max = String(total - 1);
  slider.value = String(state.step);
  slider.setAttribute("aria-valuetext", say("step.phase", { step: state.step + 1, total, phase: say(PHASES[step.phase]) }));
  put(find("position-label"), say("step.of", { step: state.step + 1, total }));
  const idle = {
    first: state.step === 0,
    previous: atStart(),
    next: atEnd(),
    last: state.step === total - 1,
    "close-all": pictures[state.picture].opened.length === 0,
    "open-all": state.picture === widest,
  };
  for (const [id, nothing] of Object.entries(idle)) find(id).setAttribute("aria-disabled", String(nothing));
  document.querySelectorAll("#phases button").forEach((button, phase) => {
    put(button, say(PHASES[phase]));
    if (phase === step.phase) button.setAttribute("aria-current", "step");
    else button.removeAttribute("aria-current");
    button.setAttribute("aria-disabled", String(firstOf(phase) < 0));
  });
});

const firstOf = (phase) => plan().steps.slice(0, count()).findIndex((step) => step.phase === phase);

/** To a step of this epoch, or beyond it to the epochs before and after; live, by an update. */
function go(step) {
  if (step < 0) {
    if (atStart()) return;
    state.frame -= 1;
    change({ step: count() - 1 });
  } else if (step >= count()) {
    if (atEnd()) return stop();
    state.step = 0;
    if (state.live) train(1);
    else change({ frame: state.frame + 1 });
  } else change({ step });
}

let timer = null;
function stop() {
  clearInterval(timer);
  timer = null;
  toggle(find("play"), false, "play");
  find("told").setAttribute("aria-live", "polite");
}
function play() {
  if (timer !== null) return stop();
  if (atEnd()) state.live ? change({ step: 0 }) : switchFrame(0, 0);
  timer = setInterval(() => go(state.step + 1), Number(find("speed").value));
  toggle(find("play"), true);
  find("told").setAttribute("aria-live", "off"); // nobody can listen so fast
}

const zoom = (by) => change({ zoom: Math.min(8, Math.max(-6, state.zoom + by)) });

const moves = { first: () => go(0), previous: () => go(state.step - 1), next: () => go(state.step + 1), last: () => go(count() - 1) };
for (const [id, move] of Object.entries({ ...moves, play })) find(id).addEventListener("click", move);
find("speed").addEventListener("change", () => timer !== null && (stop(), play()));
find("position").addEventListener("input", ({ target }) => go(Number(target.value)));
find("smaller").addEventListener("click", () => zoom(-1));
find("larger").addEventListener("click", () => zoom(1));
find("close-all").addEventListener("click", closeAll);
find("open-all").addEventListener("click", openAll);
find("open-all").hidden = !scopes.size || widest < 0;
find("close-all").hidden = !scopes.size;

document.addEventListener("keydown", (event) => {
  const target = event.target;
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "Escape" && state.selected !== null) return select(state.selected);
  if (target.closest("input, select, textarea")) return;
  if ((event.key === "Enter" || event.key === " ") && target.closest("svg [role=button]")) {
    event.preventDefault();
    target.closest("[role=button]").dispatchEvent(new MouseEvent("click"));
    return;
  }
  const keys = { ArrowRight: moves.next, ArrowLeft: moves.previous, Home: moves.first, End: moves.last };
  if (event.key === " " && !target.closest("button, summary")) keys[" "] = play;
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
}, { signal: given.signal });

PHASES.slice(0, trains ? 5 : 4).forEach((_, place) => {
  const button = element("button", { type: "button" });
  button.addEventListener("click", () => firstOf(place) >= 0 && go(firstOf(place)));
  find("phases").append(element("li", {}, button));
});
const sizes = new ResizeObserver(() => document.documentElement.style.setProperty("--stepper", `${find("stepper").offsetHeight}px`));
window.addEventListener("resize", () => (scale(), scaleNetwork()), { signal: given.signal });
given.signal.addEventListener("abort", () => (stop(), sizes.disconnect()));
sizes.observe(find("stepper"));

view(tell);
if (given.selected) view(onChange(() => [state.selected], () => given.selected(state.selected)));
change();
document.body.dataset.ready = "true";

export { restore, saved, select };
