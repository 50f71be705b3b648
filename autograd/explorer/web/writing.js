/* Mathematics of the page, from texts. */

import { element } from "./elements.js";
import { nodes, output } from "./payload.js";

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

/** A line of mathematics from texts and elements. */
const line = (...parts) => parts.map((part) => (typeof part === "string" ? typeset(part) : part));

/** A line that a screen reader reads as plain text, not fraction by fraction. */
function spoken(parts) {
  const made = element("span", { role: "img" }, ...parts);
  made.setAttribute("aria-label", made.textContent);
  return made;
}

/** Lines of mathematics, one below the other. */
const mathematics = (lines) => element("ul", { class: "math" }, ...lines.map((parts) => element("li", {}, spoken(parts))));

export { gradient, line, mathematics, partial, spoken, typeset };
