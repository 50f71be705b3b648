/* The network: neurons and weights, coloured by weight or by gradient. */

import { colour, fit, focusable, lookable, path, strength } from "./drawing.js";
import { attribute, find, put, style } from "./elements.js";
import { boxAt, current } from "./graph.js";
import { data, grad } from "./live.js";
import { networkOf } from "./marks.js";
import { written } from "./numbers.js";
import { edges, payload } from "./payload.js";
import { select } from "./scopes.js";
import { say } from "./say.js";
import { change, onChange, state, view } from "./state.js";
import { name } from "./words.js";

const plane = document.querySelector("#network .canvas");
let parts = [];

function showNetwork() {
  if (!payload.network) return;
  find("network").hidden = false;
  const svg = networkOf(payload.network);
  plane.replaceChildren(svg);
  find("network").style.flexBasis = `${0.75 * svg.dataset.width}px`; // a wide one stands above the training
  svg.setAttribute("role", "group");
  svg.setAttribute("data-say-aria-label", "network.parts");
  parts = [...svg.querySelectorAll("[data-part]")].map((group) => {
    const node = Number(group.dataset.node);
    group.addEventListener("click", () => select(node));
    lookable(group, [node]);
    if (group.dataset.part === "neuron") focusable(group, "button");
    else group.setAttribute("aria-hidden", "true"); // in the graph, where it is one of few, it can be reached
    return { group, node, part: group.dataset.part, text: group.querySelector("[data-prefix]") };
  });
  for (const group of svg.querySelectorAll("g.node:not([data-part]), g.edge:not([data-part])")) group.setAttribute("aria-hidden", "true");
}

const shown = () => document.querySelector("input[name=shown]:checked").value;

const paintNetwork = onChange(() => [state.frame, state.live, shown()], () => {
  const value = (node) => (shown() === "data" ? data(node) : grad(node));
  const largest = (kind) => Math.max(0, ...parts.filter(({ part }) => part === kind).map(({ node }) => Math.abs(value(node))).filter(Number.isFinite)) || 1;
  const most = { edge: largest("edge"), neuron: largest("neuron") };
  for (const { group, node, part, text } of parts) {
    const number = value(node);
    if (part === "number") {
      const { prefix } = text.dataset;
      put(text, `${prefix && shown() === "grad" ? "∂" : ""}${prefix}${written(number, 3)}`);
    } else if (part === "edge") {
      const share = Math.min(1, Math.abs(number) / most.edge) || 0;
      colour(group, number, share);
      style(group, "--width", (0.8 + 2.7 * share).toFixed(2));
    } else {
      colour(group, number, strength(number, most.neuron));
      attribute(group, "aria-label", say("box.neuron", { name: name(node), data: written(data(node)), gradient: written(grad(node)) }));
    }
  }
});

/** The nodes that a step is about. */
function touched({ kind, node, edge, box }) {
  if (kind === "edge") return [edges[edge].tail, edges[edge].head];
  if (kind === "group" || kind === "back" || kind === "updates") return boxAt(box).nodes;
  return node === undefined ? [] : [node];
}

const light = onChange(() => [state.frame, state.live, state.picture, state.step, state.selected], () => {
  const lit = path();
  const active = new Set(touched(current()));
  for (const { group, node, part } of parts) {
    const on = lit?.has(node) ?? false;
    group.classList.toggle("faded", lit !== null && !on);
    group.classList.toggle("path", on);
    group.classList.toggle("selected", node === state.selected);
    group.classList.toggle("current", active.has(node));
    if (part === "neuron") attribute(group, "aria-pressed", String(node === state.selected));
  }
});

const scaleNetwork = () => fit(plane, 1);

showNetwork();
document.querySelectorAll("input[name=shown]").forEach((radio) => radio.addEventListener("change", () => change()));
view(paintNetwork);
view(light);

export { scaleNetwork };
