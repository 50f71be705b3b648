/* The graph as it is drawn, brought up to the current step. */

import { attribute, find, put, style } from "./elements.js";
import { arrived, boxAt, called, current, flows, operations, plan, reached, readers, summed, upTo } from "./graph.js";
import { data, grad } from "./live.js";
import { scrubbed } from "./leaves.js";
import { graphOf } from "./marks.js";
import { short, written } from "./numbers.js";
import { PALETTE } from "./palette.js";
import { edges, into, nodes, output, pictures, range } from "./payload.js";
import { close, open, select } from "./scopes.js";
import { say } from "./say.js";
import { change, onChange, state, view } from "./state.js";
import { counted, name, operation } from "./words.js";

const canvas = document.querySelector("#graph .canvas");
let drawn = { boxes: [], arrows: new Map() };

/** Where |value| lies between so many powers of ten below the largest and the largest (see style.py). */
function strength(value, largest) {
  const size = Math.abs(value);
  if (size >= largest || size === Infinity) return 1;
  if (size === 0 || Number.isNaN(size)) return 0;
  return Math.max(0, 1 - (Math.log10(largest) - Math.log10(size)) / PALETTE.decades);
}

const SIGNS = ["positive", "negative", "zero", "invalid"];
const sign = (value) => (Number.isNaN(value) ? "invalid" : value > 0 ? "positive" : value < 0 ? "negative" : "zero");

function colour(shape, value, share) {
  const kind = value === null ? "" : sign(value);
  for (const each of SIGNS) shape.classList.toggle(each, each === kind);
  style(shape, "--share", `${Math.round(100 * share)}%`);
}

/** Put the SVG of the current picture on the page and find its parts. */
function show() {
  const picture = pictures[state.picture];
  const focused = canvas.contains(document.activeElement);
  const svg = graphOf(picture);
  canvas.replaceChildren(svg);
  svg.setAttribute("role", "group");
  svg.setAttribute("aria-label", say("graph.nodes"));
  const boxes = picture.boxes.map(() => null);
  const arrows = new Map([...svg.querySelectorAll("[data-arrow]")].map((arrow) => [arrow, []])); // and their edges
  for (const group of svg.querySelectorAll("[data-box]")) {
    const place = Number(group.dataset.box);
    const constant = nodes[picture.boxes[place].nodes[0]].kind === "constant";
    boxes[place] = {
      group, constant,
      data: group.querySelector("[data-number=data]"),
      grad: group.querySelector("[data-number=grad]"),
      norm: group.querySelector("[data-number=norm]"),
    };
    if (constant) {
      group.setAttribute("aria-hidden", "true");
      continue;
    }
    const { scope, nodes: members } = picture.boxes[place];
    const acts = scope || members.length === 1; // repeats do nothing
    focusable(group, acts ? "button" : "img");
    if (scope) group.setAttribute("aria-expanded", "false");
    if (acts) group.addEventListener("click", () => (scope ? open(scope) : select(members[0])));
    if (!scope && members.length === 1) scrubbed(group, members[0]);
    lookable(group, members);
  }
  for (const frame of svg.querySelectorAll(".cluster[data-scope]")) {
    focusable(frame, "button");
    frame.setAttribute("aria-expanded", "true");
    frame.setAttribute("aria-label", say("box.open", { name: frame.dataset.scope }));
    frame.addEventListener("click", () => close(frame.dataset.scope));
  }
  const { home } = plan();
  const free = new Map(); // arrows between two boxes that show no edge yet
  for (const [arrow] of arrows) {
    arrow.setAttribute("aria-hidden", "true");
    free.set(arrow.dataset.arrow, [...(free.get(arrow.dataset.arrow) ?? []), arrow]);
  }
  edges.forEach((edge, place) => {
    const all = free.get(`${home[edge.tail]}>${home[edge.head]}`);
    if (all) arrows.get(all.length > 1 ? all.shift() : all[0]).push(place);
  });
  drawn = { boxes, arrows };
  scale();
  if (focused) {
    const next = [...svg.querySelectorAll(".cluster[data-scope]")].find((frame) => frame.dataset.scope === state.turned)
      ?? boxes.find((_, box) => picture.boxes[box].scope === state.turned)?.group;
    (next ?? canvas).focus();
  }
}

function focusable(group, role) {
  group.setAttribute("role", role);
  group.setAttribute("tabindex", "0");
}

const look = (looked) => change({ looked });

/** The pointer goes before the focus, which may have scrolled something else below it. */
function lookable(group, members) {
  group.addEventListener("mouseenter", () => look(members));
  group.addEventListener("mouseleave", () => look(state.focused));
  group.addEventListener("focus", () => change({ focused: members, looked: members }));
  group.addEventListener("blur", () => change({ focused: null, looked: null }));
}

/** As wide as its place, within what can be read; on a telephone it scrolls anyway. */
function scale() {
  document.body.classList.remove("broad"); // how wide the place is without
  document.body.classList.toggle("broad", 0.8 * Number(canvas.firstElementChild.dataset.width) > canvas.clientWidth);
  fit(canvas, 1.2 ** state.zoom);
}
function fit(place, zoom) {
  const svg = place.firstElementChild;
  if (!svg) return;
  const least = matchMedia("(max-width: 40rem)").matches ? 1 : 0.55;
  const natural = Number(svg.dataset.width);
  const factor = Math.min(1.15, Math.max(least, (place.clientWidth - 4) / natural));
  svg.style.width = `${Math.floor(natural * factor * zoom)}px`;
}

const BLANK = "–";
const span = (values) => {
  const ends = [Math.min(...values), Math.max(...values)].map(short);
  return ends[0] === ends[1] ? ends[0] : `${ends[0]} … ${ends[1]}`;
};

/** The nodes that depend on the selected one, itself included; null where none is selected. */
const path = () => (state.selected === null ? null : reached(state.selected));

/** Bring everything that is drawn up to the current step. */
function draw() {
  const { known } = plan();
  const step = current();
  const active = new Set(step.boxes);
  const last = upTo();
  const lit = path();
  const largest = Math.max(0, ...range(nodes.length - 1).filter((node) => nodes[node].kind !== "constant").map((node) => Math.abs(grad(node))).filter(Number.isFinite)) || 1;
  drawn.boxes.forEach((box, place) => {
    const { scope, nodes: members } = boxAt(place);
    const { group, constant } = box;
    const on = lit === null || members.some((node) => lit.has(node));
    group.classList.toggle("faded", !on);
    if (constant) return;
    const ready = members.filter((node) => known[node] <= last);
    const sums = members.map((node) => summed(node, last)).filter((sum) => sum !== null);
    group.classList.toggle("current", active.has(place));
    group.classList.toggle("waiting", !ready.length || (members.length > 1 && ready.length < members.length));
    group.classList.toggle("selected", members.includes(state.selected));
    group.classList.toggle("path", lit !== null && on);
    if (members.length === 1) {
      const [node] = members;
      const sum = summed(node, last);
      const partial = sum !== null && node !== output && arrived(node, last).length < readers(node).length;
      put(box.data, ready.length ? short(data(node)) : BLANK);
      put(box.grad, sum === null ? BLANK : short(sum));
      group.classList.toggle("partial", partial);
      colour(group, sum, sum === null ? 0 : strength(sum, largest));
      attribute(group, "aria-label", say(partial ? "box.growing" : "box", {
        name: name(node), kind: nodes[node].op ? operation(node) : say(`kind.${nodes[node].kind}`),
        data: ready.length ? written(data(node)) : say("box.waiting"), gradient: sum === null ? say("box.none") : written(sum),
      }));
      attribute(group, "aria-pressed", String(state.selected === node));
      return;
    }
    put(box.data, ready.length === members.length ? span(members.map((node) => data(node))) : BLANK);
    put(box.grad, sums.length ? span(sums) : BLANK);
    const inner = members.filter((node) => nodes[node].kind === "parameter").map((node) => summed(node, last));
    put(box.norm, inner.length && inner.every((sum) => sum !== null) ? short(Math.hypot(...inner)) : BLANK);
    group.classList.toggle("grown", sums.length > 0);
    attribute(group, "aria-label", scope
      ? say("box.closed", { name: scope, parameters: counted(inner.length, "parameters"), operations: counted(operations(members), "operations") })
      : say("box.alike", { name: called(place), nodes: counted(members.length, "nodes") }));
  });
  const moving = new Set(step.kind === "edge" ? [step.edge] : step.kind === "node" ? into[step.node] : []);
  for (const [arrow, shown] of drawn.arrows) {
    const on = shown.some((edge) => lit?.has(edges[edge].tail) && flows(edge));
    const moves = shown.some((edge) => moving.has(edge));
    arrow.classList.toggle("current", moves);
    arrow.classList.toggle("back", moves && step.kind === "edge");
    arrow.classList.toggle("untaken", shown.length > 0 && !shown.some(flows));
    arrow.classList.toggle("path", on);
    arrow.classList.toggle("faded", lit !== null && !on);
  }
}

/** Scroll the drawing, and only the drawing, so that the current boxes are seen. */
function follow() {
  const step = current();
  const first = pictures[state.picture].order.find((place) => !drawn.boxes[place].constant); // a corner may be empty
  const box = drawn.boxes[step.boxes[0] ?? first];
  if (!box) return;
  const frame = canvas.getBoundingClientRect();
  const seen = box.group.getBoundingClientRect();
  if (seen.left < frame.left + 8) canvas.scrollLeft -= frame.left + 40 - seen.left;
  if (seen.right > frame.right - 8) canvas.scrollLeft += seen.right - frame.right + 40;
  if (seen.top < frame.top + 8) canvas.scrollTop -= frame.top + 40 - seen.top;
  if (seen.bottom > frame.bottom - 8) canvas.scrollTop += seen.bottom - frame.bottom + 40;
}

view(onChange(() => [state.picture], show));
view(onChange(() => [state.frame, state.live, state.picture, state.step, state.selected, upTo()], draw));
view(onChange(() => [state.frame, state.picture, state.step], follow));
view(onChange(() => [state.zoom], scale));

export { colour, fit, focusable, lookable, path, scale, strength };
