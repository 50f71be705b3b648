/* Graphviz places the nodes, here in the browser; and its SVG as the page works on it, as pictures.py makes it. */

import { LANGUAGE } from "./language.js";
import { unpacked } from "./unpacked.js";

const { captions, colors, room } = LANGUAGE.drawing;

/** Graphviz as WebAssembly (Viz.js), which the page holds packed: unpacked when it is first needed. */
let engine = null;
async function started() {
  const address = URL.createObjectURL(new Blob([await unpacked("graphviz")], { type: "text/javascript" }));
  const { instance } = await import(address);
  URL.revokeObjectURL(address);
  return instance();
}

async function svgOf(dot) {
  engine ??= started();
  const { output, errors } = (await engine).render(dot, { format: "svg" });
  if (output === undefined) throw new Error(errors.map(({ message }) => message).join("; "));
  const root = new DOMParser().parseFromString(output, "image/svg+xml").documentElement;
  for (const group of root.querySelectorAll("g")) {
    const title = group.querySelector(":scope > title")?.textContent ?? "";
    group.querySelector(":scope > title")?.remove(); // a browser would show it as a tooltip
    if (group.getAttribute("class") === "node") {
      group.setAttribute("data-box", title.slice(1));
      markShape(group);
      markNumbers(group);
    } else if (group.getAttribute("class") === "edge") group.setAttribute("data-arrow", title.replaceAll("n", "").replace("->", ">"));
  }
  return written(root);
}

/** Which of the shapes is filled by the gradient. */
function markShape(group) {
  const drawn = (name, shape) => ![null, "none"].includes(shape.getAttribute(name));
  [...group.children].find((shape) => drawn("fill", shape) && drawn("stroke", shape))?.setAttribute("class", "shape");
}

/** Where numbers go, each by its caption, flush with the right side. */
function markNumbers(group) {
  const right = Math.min(...[...group.querySelectorAll(".shape")].map(rightOf));
  let caption = "";
  for (const text of group.querySelectorAll("text")) {
    const content = text.textContent;
    if (content.startsWith(room) && Object.hasOwn(captions, caption)) {
      text.setAttribute("data-number", captions[caption]);
      text.setAttribute("text-anchor", "end");
      text.setAttribute("x", (right - 6).toFixed(2));
      text.textContent = "";
    }
    caption = content;
  }
}

/** The largest x of a path or a polygon. */
function rightOf(shape) {
  const points = shape.getAttribute("d") || shape.getAttribute("points") || "";
  return Math.max(...[...points.matchAll(/(-?[\d.]+),-?[\d.]+/g)].map(([, x]) => Number(x)));
}

/** The SVG as text: its colours by name, so that dark is dark, without what belongs to a file of its own. */
function written(root) {
  for (const each of [root, ...root.querySelectorAll("*")]) {
    for (const name of ["id", "font-family", "xml:space"]) each.removeAttribute(name);
    for (const name of ["fill", "stroke"]) {
      const color = colors[each.getAttribute(name)?.toLowerCase()];
      if (color) each.setAttribute(name, color);
    }
  }
  root.setAttribute("data-width", String(parseFloat(root.getAttribute("width"))));
  root.removeAttribute("width");
  root.removeAttribute("height");
  return root.outerHTML;
}

export { svgOf };
