/* The graph as a program, by the forms of its rows in Python, with this library and with torch. */

import { inPython } from "./numbers.js";

const CONSTANTS = { python: (text) => (text.startsWith("-") ? `(${text})` : text), torch: (text) => `number(${text})` };

/** Names as different identifiers; constants have none. */
function identifiers(nodes, taken) {
  const used = new Set(taken);
  return nodes.map(({ name, kind }) => {
    if (kind === "constant") return "";
    let own = name.replace(/[^\p{L}\p{N}_]/gu, "_") || "_";
    if (/^\p{N}/u.test(own)) own = `_${own}`;
    while (used.has(own)) own += "_";
    used.add(own);
    return own;
  });
}

/** The identifier of each node, and its formula or "" for a leaf; null if a row has no form in the language. */
function programOf({ nodes, forms, taken }, language, data) {
  const names = identifiers(nodes, taken);
  const called = (place) => names[place] || CONSTANTS[language](inPython(data(place)));
  const formulas = nodes.map(({ op, row, operands }) => {
    const places = op && operands.flat();
    return op && forms[row][language].map((piece) => (typeof piece === "string" ? piece : called(places[piece]))).join("");
  });
  return nodes.every(({ op }, place) => !op || formulas[place]) ? { names, formulas } : null;
}

export { programOf };
