/* Elements and mathematics of the page, from texts. */

import { nodes, output } from "./payload.js";

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Text as mathematics: indices below, powers above. Copied, it is the plain text again. */
function typeset(text) {
  const line = document.createDocumentFragment();
  const hidden = (sign) => element("span", { class: "off" }, sign);
  let end = 0;
  for (const match of text.matchAll(/(?<![\w.])(\p{L}+)(?:(_)(\w+)|(\d+))(?![\w.])|\^(−?[\w.]+)/gu)) {
    const [whole, base, underscore, index, number, power] = match;
    line.append(text.slice(end, match.index), base ?? hidden("^"));
    if (underscore) line.append(hidden("_"));
    line.append(power ? element("sup", {}, power) : element("sub", {}, index ?? number));
    end = match.index + whole.length;
  }
  line.append(text.slice(end));
  return line;
}

/** ∂top/∂bottom as a fraction. */
const partial = (top, bottom) =>
  element(
    "span", { class: "fraction" },
    element("span", {}, "∂", typeset(nodes[top].name)),
    element("span", { class: "off" }, "/"),
    element("span", {}, "∂", typeset(nodes[bottom].name)),
  );
const gradient = (node) => partial(output, node);

/** A line of mathematics from texts, which are set, and elements. */
const line = (...parts) => parts.map((part) => (typeof part === "string" ? typeset(part) : part));

/** A line that is read out as the plain text that it is, not fraction by fraction and index by index. */
function spoken(parts) {
  const made = element("span", { role: "img" }, ...parts);
  made.setAttribute("aria-label", made.textContent);
  return made;
}

/** Lines of mathematics, one below the other. */
const mathematics = (lines) => element("ul", { class: "math" }, ...lines.map((parts) => element("li", {}, spoken(parts))));

// What is set again to what it is would be drawn again.
const style = (shape, property, value) => {
  if (shape.style.getPropertyValue(property) !== value) shape.style.setProperty(property, value);
};
const attribute = (shape, key, value) => {
  if (shape.getAttribute(key) !== value) shape.setAttribute(key, value);
};
const put = (text, content) => {
  if (text && text.textContent !== content) text.textContent = content;
};

export { attribute, element, gradient, line, mathematics, partial, put, spoken, style, typeset };
