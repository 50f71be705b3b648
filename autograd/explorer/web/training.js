/* The recorded training: its epochs, its loss curves, and runs to switch between. Or the training from the reader's
   numbers. */

import { element, find, put } from "./elements.js";
import { given } from "./given.js";
import { count, epoch, frameInRun, run } from "./graph.js";
import { addExample, canEdit, removeExample, setTraining, show, train } from "./live.js";
import { read, written } from "./numbers.js";
import { OPTIMIZERS } from "./optimizers.js";
import { inputs, nodes, range, runs, trains } from "./payload.js";
import { say, toggle } from "./say.js";
import { change, onChange, state, view } from "./state.js";
import { counted, name } from "./words.js";
import { typeset } from "./writing.js";

const DASHES = ["", "7 3", "2 3", "9 3 2 3", "12 4", "4 2 1 2", "1 4", "14 3 3 3"];

/** The line of a run has its own colour and its own dashes. */
const pen = (place) => `style="stroke: var(--series-${place % 6})" stroke-dasharray="${DASHES[place % DASHES.length]}"`;

const lossInWords = (loss) => (loss === undefined ? say("loss.ended") : loss === null ? say("loss.infinite") : written(loss, 4));

function showTraining() {
  const trained = runs.some((each) => each.losses.length > 1);
  find("train").hidden = !trained && !(canEdit && trains);
  if (!trained || runs.length === 1) return;
  const body = element("tbody");
  runs.forEach((each, place) => {
    const radio = element("input", { type: "radio", name: "run", value: String(place) });
    radio.addEventListener("change", () => switchRun(place));
    const sample = `<svg class="sample" width="34" height="10" aria-hidden="true"><line x1="1" y1="5" x2="33" y2="5" ${pen(place)}/></svg>`;
    const label = element("label", {}, radio, ` ${each.label}`);
    label.insertAdjacentHTML("beforeend", sample);
    body.append(element("tr", {}, element("th", { scope: "row" }, label), element("td"), element("td")));
  });
  const head = element("thead", {}, element("tr", {}, ...["train", "train.now", "train.end"].map((key) => element("th", { scope: "col", "data-say": key }))));
  find("rates").append(element("table", {}, element("caption", { class: "off", "data-say": "train.switch" }), head, body));
}

function switchRun(place) {
  const wanted = epoch();
  state.run = place;
  const { epochs, start } = run();
  state.frame = start + Math.max(0, epochs.findLastIndex((each) => each <= wanted));
  change({ step: Math.min(state.step, count() - 1) });
}

function switchFrame(place, step = state.step) {
  const { start, stop } = run();
  state.frame = Math.min(stop - 1, Math.max(start, start + place));
  change({ step: Math.min(step, count() - 1) });
}

const drawTraining = onChange(() => [state.frame, state.live, state.curves], () => {
  if (find("train").hidden) return;
  const recorded = state.live === null && runs.some((each) => each.losses.length > 1);
  find("recorded").hidden = !recorded;
  find("rates").hidden = !recorded;
  find("chart").hidden = !recorded && state.live === null;
  if (state.live) return drawLive();
  if (!recorded) return;
  const { epochs, losses, start, stop } = run();
  const slider = find("epoch");
  slider.max = String(stop - start - 1);
  slider.value = String(frameInRun());
  find("epoch-label").textContent = say("train.epoch.of", { epoch: epoch(), total: epochs.at(-1) });
  slider.setAttribute("aria-valuetext", find("epoch-label").textContent);
  const [first, now, last] = [losses[0], losses[epoch()], losses.at(-1)].map(lossInWords);
  chart(runs.map((each) => each.losses), state.run, epoch(), "train.epoch", say("train.curve", { label: run().label, first, now, epoch: epoch(), last }));
  document.querySelectorAll("#rates tbody tr").forEach((row, place) => {
    const [now, end] = row.querySelectorAll("td");
    now.textContent = lossInWords(runs[place].losses[epoch()]);
    end.textContent = lossInWords(runs[place].losses.at(-1));
    row.querySelector("input").checked = place === state.run;
    row.classList.toggle("current", place === state.run);
  });
});

/** Draw loss curves, null where they are not finite; the current one stands out, each has its own dashes. */
function chart(curves, current, now, unit, label) {
  const [width, height, left, bottom, top, right] = [380, 210, 56, 30, 10, 12];
  const finite = curves.flat().filter((loss) => loss !== null);
  let [low, high] = finite.reduce(([least, most], loss) => [Math.min(least, loss), Math.max(most, loss)], finite.length ? [Infinity, -Infinity] : [0, 1]);
  const logarithmic = low > 0 && high / low > 30;
  // A diverging curve leaves the picture, so that the others are seen.
  high = Math.min(high, 1e3 * Math.max(...curves.map((losses) => Math.abs(losses[0] ?? 0))) || high);
  if (!logarithmic) low = Math.min(0, low);
  if (high === low) high = low + 1;
  const up = logarithmic ? Math.log10 : (number) => number;
  const last = Math.max(1, ...curves.map((losses) => losses.length - 1));
  const x = (place) => left + ((width - left - right) * place) / last;
  const y = (loss) => height - bottom - ((height - bottom - top) * (up(loss) - up(low))) / (up(high) - up(low));
  const ticks = logarithmic
    ? range(Math.floor(up(high)) - Math.ceil(up(low)) + 1).map((place) => 10 ** (Math.ceil(up(low)) + place))
    : [low, (low + high) / 2, high];
  const shown = ticks.length > 6 ? ticks.filter((_, place) => place % Math.ceil(ticks.length / 5) === 0) : ticks.length > 1 ? ticks : [low, high];
  const grid = shown.map((tick) => `<line class="grid" x1="${left}" x2="${width - right}" y1="${y(tick)}" y2="${y(tick)}"/><text x="${left - 6}" y="${y(tick) + 4}" text-anchor="end">${written(tick, 2)}</text>`);
  const feet = [0, Math.round(last / 2), last].map((place) => `<text x="${x(place)}" y="${height - 10}" text-anchor="middle">${place}</text>`);
  const drawn = curves.map((losses, place) => {
    const every = Math.max(1, Math.floor(losses.length / 400));
    const points = losses.map((loss, position) => [position, loss]).filter(([position, loss]) => loss !== null && (position % every === 0 || position === losses.length - 1));
    const line = points.map(([position, loss]) => `${x(position).toFixed(1)},${y(loss).toFixed(1)}`).join(" ");
    return { place, text: `<polyline class="${place === current ? "curve current" : "curve"}" ${pen(place)} points="${line}"/>` };
  });
  drawn.sort((one, other) => (one.place === current) - (other.place === current));
  const heightNow = curves[current][now];
  const marker = (heightNow ?? null) === null ? "" : `<circle class="marker" cx="${x(now)}" cy="${Math.max(6, y(heightNow))}" r="5"/>`;
  find("chart").innerHTML = `<svg viewBox="0 0 ${width} ${height}" role="img">${grid.join("")}${feet.join("")}<text class="axis" x="${left}" y="${height - 10}" dx="26">${say(unit)}</text><svg x="${left}" y="0" width="${width - left}" height="${height - bottom + 2}" viewBox="${left} 0 ${width - left} ${height - bottom + 2}">${drawn.map(({ text }) => text).join("")}</svg>${marker}</svg>`;
  find("chart").firstElementChild.setAttribute("aria-label", label);
}

// --- the training from the reader's numbers -------------------------------------------------------------

const finite = (losses) => losses.map((loss) => (Number.isFinite(loss) ? loss : null));

function drawLive() {
  const { losses, steps } = state.live;
  const [first, last] = finite([losses[0], losses.at(-1)]).map(lossInWords);
  chart([losses, ...state.curves].map(finite), 0, steps, "train.update", say("train.curve.yours", { first, last, updates: counted(steps, "updates") }));
}

/** The number of classes of a cross-entropy; 0 for another output. */
const softmax = nodes.find(({ op }) => ["softmax", "log_softmax", "logsumexp"].includes(op));
const classes = softmax ? softmax.operands.flat().length : nodes.some(({ op }) => op === "softplus") ? 2 : 0;

/** The loss in words; a cross-entropy beside that of guessing. */
function meaning() {
  const { losses, steps, examples } = state.live;
  const loss = losses.at(-1);
  const told = say(examples.length > 1 ? "loss.mean" : "loss", { updates: counted(steps, "updates"), loss: written(loss), examples: examples.length });
  if (!Number.isFinite(loss)) return `${told} ${say("loss.left")}`;
  if (!classes) return told;
  const guessing = Math.log(classes);
  const than = Math.abs(loss - guessing) < 0.02 * guessing ? "guessing" : loss < guessing ? "better" : "worse";
  return `${told} ${say(`loss.${than}`, { classes, cost: written(guessing, 3) })}`;
}

let timer = null;
function pause() {
  clearInterval(timer);
  timer = null;
  toggle(find("run"), false, "live.run");
}
function runOn() {
  if (timer !== null) return pause();
  toggle(find("run"), true);
  let steps = 1;
  timer = setInterval(() => {
    const before = performance.now();
    train(steps);
    const spent = performance.now() - before;
    steps = spent > 25 ? Math.max(1, steps >> 1) : spent < 10 ? Math.min(64, steps * 2) : steps;
    if (!Number.isFinite(state.live.losses.at(-1))) pause();
  }, 50);
}

const drawExamples = onChange(() => [state.live?.examples, state.live?.example], () => {
  const { examples = [], example = 0 } = state.live ?? {};
  find("examples").hidden = !state.live || !inputs.length || !trains;
  const head = element("tr", {}, ...[say("examples.shown"), ...inputs.map(name), say("examples.remove")].map((text) => element("th", { scope: "col" }, typeset(text))));
  const rows = examples.map((values, place) => {
    const radio = element("input", { type: "radio", name: "example", "aria-label": say("examples.show.one", { place: place + 1 }) });
    radio.checked = place === example;
    radio.addEventListener("change", () => show(place));
    const away = element("button", { type: "button", "aria-label": say("examples.remove.one", { place: place + 1 }) }, "✕");
    away.disabled = examples.length === 1;
    away.addEventListener("click", () => removeExample(place));
    const cells = values.map((value) => element("td", {}, written(value, 4)));
    return element("tr", {}, element("td", {}, radio), ...cells, element("td", {}, away));
  });
  find("examples").querySelector("table").replaceChildren(element("caption", { class: "off" }, say("examples")), element("thead", {}, head), element("tbody", {}, ...rows));
});

const drawControls = onChange(() => [state.live], () => {
  const { rate, optimizer, batch } = state.live ?? { rate: run().lr ?? 0.1, optimizer: "SGD", batch: 0 };
  if (document.activeElement !== find("rate")) find("rate").value = String(rate);
  find("optimizer").value = optimizer;
  find("batch").value = String(batch);
  find("keep").disabled = !state.live || state.live.losses.length < 2;
  put(find("meaning"), state.live ? meaning() : "");
  if (!state.live && timer !== null) pause();
});

if (canEdit && trains) {
  find("live").hidden = false;
  for (const each of Object.keys(OPTIMIZERS)) find("optimizer").append(element("option", { value: each }, each));
  find("run").addEventListener("click", runOn);
  find("once").addEventListener("click", () => train(1));
  find("keep").addEventListener("click", () => change({ curves: [state.live.losses, ...state.curves].slice(0, 5) }));
  find("rate").addEventListener("input", ({ target }) => {
    const rate = read(target.value);
    target.setAttribute("aria-invalid", String(!Number.isFinite(rate)));
    if (Number.isFinite(rate)) setTraining({ rate });
  });
  find("optimizer").addEventListener("change", ({ target }) => setTraining({ optimizer: target.value, memory: null }));
  find("batch").addEventListener("change", ({ target }) => setTraining({ batch: Number(target.value) }));
  find("add").addEventListener("click", addExample);
  view(drawControls);
  view(drawExamples);
}
find("epoch").addEventListener("input", ({ target }) => switchFrame(Number(target.value)));
given.signal.addEventListener("abort", () => clearInterval(timer));
showTraining();
view(drawTraining);

export { switchFrame };
