/* A recorded graph as DOT, from the boxes and arrows of the one style sheet (drawing/text.py writes them). */

import { LANGUAGE } from "./language.js";

const { arrow, constant, crowded, dashed, head, headOfMany, kinds } = LANGUAGE.boxes;
const LONGEST = 48; // letters of a name that are shown
const LABEL = "\ue000";
const NUMBER = "\ue001";

const shortened = (text) => ([...text].length > LONGEST ? `${[...text].slice(0, LONGEST - 1).join("")}…` : text);

/** The drawing of a payload, as drawing.dot_text writes it; `taken` says whether a node reads an operand. */
function dotOf({ nodes }, taken) {
  const boxes = nodes.map(({ kind, symbol, name }, place) => {
    const line = kind === "constant" ? constant.replace(NUMBER, () => name) : kinds[kind][symbol].replace(LABEL, () => shortened(name));
    return line.replace("n0", `n${place}`);
  });
  const arrows = nodes.flatMap(({ operands = [] }, place) => operands.flat().map((tail, position) =>
    (taken(place, position) ? arrow : dashed).replace("n0 -> n1", `n${tail} -> n${place}`)));
  return `${arrows.length > crowded ? headOfMany : head}${[...boxes, ...arrows].join("\n")}\n}\n`;
}

export { dotOf };
