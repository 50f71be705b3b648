/* The payload of a graph that was recorded here, as `explore` makes it. */

import { LANGUAGE } from "./language.js";
import { represented } from "./numbers.js";
import { counted } from "./parser.js";
import { record } from "./recorder.js";
import { Graph } from "./sweep.js";

const SPOKEN = new Map(LANGUAGE.numbers);
const LONGEST_NAME = 200; // letters

/** A number in a formula. */
const spoken = (number) => SPOKEN.get(number) ?? represented(number).replace(/\.0$/, "").replace(/^-/, "−");

const enclosed = (text) => (/^[-−]/.test(text) ? `(${text})` : text);

/** A name for every node: its label, with a number from its second node on; without a label v1, v2 and so on. */
function namesOf(nodes) {
  const short = nodes.map(({ label }) => {
    const letters = [...label];
    const more = letters.length - LONGEST_NAME;
    return more > 0 ? `${letters.slice(0, LONGEST_NAME).join("")}… (${counted(more)} more characters)` : label;
  });
  const labels = new Set(short);
  const numbers = new Map();
  return nodes.map((node, place) => {
    const label = short[place];
    if (node.constant) return spoken(node.data);
    if (label && !numbers.has(label)) {
      numbers.set(label, 2);
      return label;
    }
    for (;;) {
      const number = numbers.get(label) ?? 1;
      numbers.set(label, number + 1);
      const name = `${label ? `${label}_` : "v"}${number}`;
      if (!labels.has(name)) return name;
    }
  });
}

/** Whether the name of a leaf fits one of the patterns: `w*` fits w, w1 and w[0]. */
function matches(patterns, label) {
  const name = label.replace(/\[.*/, "");
  return patterns.split(/[\s,]+/).some((each) => (each.endsWith("*") ? name.startsWith(each.slice(0, -1)) : each === name || each === label));
}

/**
 * The payload of a program without its drawing, the numbers of its columns, and the rows.
 *
 * `trained` has patterns of the names to train, `numbers` the numbers of free names, `rate` the learning rate.
 */
function payloadOf(program, rows, { trained, numbers, rate, title }) {
  const nodes = record(program, rows, numbers);
  const output = nodes.length - 1;
  const index = new Map(nodes.map((node, place) => [node, place]));
  const placed = nodes.map(({ operands }) => operands.map((each) => (Array.isArray(each) ? each.map((one) => index.get(one)) : index.get(each))));
  const steps = nodes.map(({ op, row }, place) => (op ? [rows[row], placed[place]] : null));
  const graph = new Graph(steps, nodes.map(({ constant }) => constant));
  const pass = graph.run(nodes.map(({ data }) => data));
  const names = namesOf(nodes);
  const lines = program.text.split("\n");
  const columns = [];
  const column = (number) => columns.push(number) - 1;

  /** Each node's pattern, and the places of its operands and of itself. */
  const patterns = nodes.map(({ op, row }, place) => {
    if (!op) return null;
    const whole = LANGUAGE.patterns[row];
    const parts = [...placed[place].flat(), place];
    const exponent = nodes[parts[1]];
    return { ...whole, ...(op === "pow" && exponent.constant ? whole.special[String(exponent.data)] : {}), parts };
  });
  const slots = (pieces, parts) => pieces.map((piece) => (typeof piece === "string" ? piece : parts[piece]));
  const named = (pieces, parts) => slots(pieces, parts)
    .map((piece) => (typeof piece === "string" ? piece : nodes[piece].constant ? enclosed(names[piece]) : names[piece])).join("");

  const told = nodes.map(({ op, constant, label, data, at, row }, place) => {
    const trains = !op && !constant && matches(trained, label);
    const about = {
      name: names[place], op, scope: "", kind: constant ? "constant" : op ? (place === output ? "output" : "result") : trains ? "parameter" : "input",
      data: column(data), grad: column(pass.grads[place]),
    };
    const number = program.text.slice(0, at).split("\n").length;
    if (!constant) about.line = { number, text: lines[number - 1].trim() };
    if (trains) Object.assign(about, { after: column(data - rate * pass.grads[place]), gradient: column(NaN) });
    if (!op) return { ...about, symbol: "", formula: "", filled: [] };
    const pattern = patterns[place];
    return {
      ...about, symbol: pattern.symbol, row, operands: placed[place],
      formula: named(pattern.formula, pattern.parts), filled: slots(pattern.filled, pattern.parts),
    };
  });

  const edges = graph.links.flatMap((links, head) => links.flatMap(([tail, edge], position) => {
    if (edge < 0) return [];
    const { partials, parts } = patterns[head];
    const [formula, pieces] = partials[position] ?? [[], []];
    return {
      tail, head, partial: column(pass.partials[edge]), contribution: column(pass.contributions[edge]), taken: column(pass.taken[edge]),
      formula: named(formula, parts), filled: slots(pieces, parts),
    };
  }));
  /** Whether a node reads the operand in a position; a `where` reads one of its branches. */
  const taken = (place, position) => !steps[place][0].select || graph.partials(place, pass.data)[position] === 1;
  const loss = Number.isFinite(pass.data[output]) ? pass.data[output] : null;
  const payload = {
    nodes: told, edges, forms: LANGUAGE.patterns, taken: LANGUAGE.taken, frames: 1, lengths: columns.map(() => 1), network: null,
    runs: [{ label: `η = ${rate}`, start: 0, stop: 1, epochs: [0], losses: [loss], lr: rate, own: true, update: "" }],
    title,
  };
  return { payload, numbers: Float64Array.from(columns), rows, taken };
}

export { payloadOf };
