/* Graphviz's SVG as the page works on it: its parts are marked, and its colours have names, so that dark is dark. */

import { PALETTE } from "./palette.js";

const { captions, colors, room } = PALETTE;

/** The SVG as an element, and its groups with their titles, which a browser would show as tooltips. */
function parsed(text) {
  const root = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  for (const each of [root, ...root.querySelectorAll("*")]) {
    for (const name of ["id", "font-family", "xml:space"]) each.removeAttribute(name);
    for (const name of ["fill", "stroke"]) {
      const color = colors[each.getAttribute(name)?.toLowerCase()];
      if (color) each.setAttribute(name, color);
    }
  }
  root.dataset.width = parseFloat(root.getAttribute("width"));
  root.removeAttribute("width");
  root.removeAttribute("height");
  const groups = [...root.querySelectorAll("g")].map((group) => {
    const title = group.querySelector(":scope > title");
    title?.remove();
    return [group, title?.textContent ?? "", group.getAttribute("class")];
  });
  return [root, groups];
}

/** A picture of the graph: its boxes, arrows and frames, and the places of numbers. */
function graphOf({ svg, frames = {} }) {
  const [root, groups] = parsed(svg);
  for (const [group, title, kind] of groups) {
    if (kind === "node") {
      group.dataset.box = title.slice(1);
      markShape(group);
      markNumbers(group);
    } else if (kind === "edge") group.dataset.arrow = title.replaceAll("n", "").replace("->", ">");
    else if (kind === "cluster") {
      group.dataset.scope = frames[title];
      for (const label of group.querySelectorAll(":scope > text")) label.textContent = `− ${label.textContent}`;
    }
  }
  return root;
}

/** A drawing of the network, whose elements show the nodes in these places by their titles. */
function networkOf({ svg, places, parameters }) {
  const [root, groups] = parsed(svg);
  for (const [group, title, kind] of groups) {
    if (!Object.hasOwn(places, title) || kind === "graph") continue;
    const parameter = parameters.includes(title);
    group.dataset.part = kind === "edge" ? "edge" : parameter ? "number" : "neuron";
    group.dataset.node = places[title];
    if (kind === "node") markShape(group);
    for (const shape of group.children) shape.removeAttribute("stroke-dasharray"); // the sign, which a training may change
    const label = group.querySelector(":scope > text");
    if (parameter && label) label.dataset.prefix = /^.*= /s.exec(label.textContent)?.[0] ?? "";
  }
  return root;
}

/** The shape that the gradient fills; a number in an expression has none. */
function markShape(group) {
  const drawn = (name, shape) => ![null, "none"].includes(shape.getAttribute(name));
  [...group.children].find((shape) => drawn("fill", shape) && drawn("stroke", shape))?.setAttribute("class", "shape");
}

/** The places of numbers, each by its caption, flush with the right side. */
function markNumbers(group) {
  const shape = group.querySelector(".shape");
  const right = shape && rightOf(shape);
  let caption = "";
  for (const text of group.querySelectorAll("text")) {
    const content = text.textContent;
    if (content.startsWith(room) && Object.hasOwn(captions, caption)) {
      text.dataset.number = captions[caption];
      text.setAttribute("text-anchor", "end");
      text.setAttribute("x", (right - 6).toFixed(2));
      text.textContent = "";
    }
    caption = content;
  }
}

/** The largest x of a path or a polygon. */
function rightOf(shape) {
  const points = shape.getAttribute("d") || shape.getAttribute("points");
  return Math.max(...[...points.matchAll(/(-?[\d.]+),-?[\d.]+/g)].map(([, x]) => Number(x)));
}

export { graphOf, networkOf };
