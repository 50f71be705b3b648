/* The payload of a graph that was recorded here, as `explore` makes it. */

import { LANGUAGE } from "./language.js";
import { inPython, represented } from "./numbers.js";
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

/** Names as different identifiers. */
function identifiers(names, nodes) {
  const taken = new Set(LANGUAGE.taken);
  return names.map((name, place) => {
    if (nodes[place].constant) return "";
    let own = name.replace(/[^\p{L}\p{N}_]/gu, "_") || "_";
    if (/^\p{N}/u.test(own)) own = `_${own}`;
    while (taken.has(own)) own += "_";
    taken.add(own);
    return own;
  });
}

/** Whether the name of a leaf fits one of the patterns: `w*` fits w, w1 and w[0]. */
function matches(patterns, label) {
  const name = label.replace(/\[.*/, "");
  return patterns.split(/[\s,]+/).some((each) => (each.endsWith("*") ? name.startsWith(each.slice(0, -1)) : each === name || each === label));
}

/** The number of classes of a cross-entropy; 0 for another output. */
function classesOf(nodes) {
  const first = nodes.find(({ op }) => ["softmax", "log_softmax", "logsumexp"].includes(op));
  return first ? first.operands.flat().length : nodes.some(({ op }) => op === "softplus") ? 2 : 0;
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
  const placed = ({ operands }) => operands.map((each) => (Array.isArray(each) ? each.map((one) => index.get(one)) : index.get(each)));
  const constants = nodes.map(({ constant }) => constant);
  const steps = nodes.map((node) => (node.op ? [rows[node.row], placed(node)] : null));
  const graph = new Graph(steps, constants);
  const pass = graph.run(nodes.map(({ data }) => data));
  const names = namesOf(nodes);
  const called = identifiers(names, nodes);
  const columns = [];
  const column = (number) => columns.push(number) - 1;

  const told = nodes.map((node, place) => {
    const { op, constant, label, data } = node;
    const trains = !op && !constant && matches(trained, label);
    const about = {
      name: names[place], op, symbol: op ? LANGUAGE.patterns[node.row].symbol : "", scope: "", at: node.at,
      kind: constant ? "constant" : op ? (place === output ? "output" : "result") : trains ? "parameter" : "input",
      data: column(data), grad: column(pass.grads[place]), formula: "", filled: [], python: constant ? "" : called[place], torch: constant ? "" : called[place],
    };
    if (trains) Object.assign(about, { after: column(data - rate * pass.grads[place]), gradient: column(NaN) });
    if (!op) return about;
    return { ...about, ...texts(node, place), row: node.row, operands: placed(node) };
  });

  /** The texts of a node in names; and its partials, on the edges. */
  function texts(node, place) {
    const { pattern, parts } = written(node, place);
    const program = (pieces, number) => pieces
      .map((piece) => (typeof piece === "string" ? piece : parts[piece].constant ? number(parts[piece].data) : called[index.get(parts[piece])]))
      .join("");
    const line = (pieces, number) => (pieces.length ? `${called[place]} = ${program(pieces, number)}` : "");
    return {
      formula: named(pattern.formula, parts), filled: slots(pattern.filled, parts),
      python: line(pattern.python, (number) => enclosed(inPython(number))),
      torch: line(pattern.torch, (number) => `number(${inPython(number)})`),
    };
  }

  function written(node, place) {
    const whole = LANGUAGE.patterns[node.row];
    const operands = node.operands.flat();
    const special = node.op === "pow" && operands[1].constant ? whole.special[String(operands[1].data)] : undefined;
    return { pattern: special ?? whole, parts: [...operands, nodes[place]] };
  }

  function named(pieces, parts) {
    const text = pieces.map((piece) => (typeof piece === "string" ? piece : parts[piece].constant ? enclosed(spoken(parts[piece].data)) : names[index.get(parts[piece])]));
    return text.join("");
  }

  function slots(pieces, parts) {
    return pieces.map((piece) => (typeof piece === "string" ? piece : index.get(parts[piece])));
  }

  const links = graph.links.flatMap((each, head) => {
    if (!nodes[head].op) return [];
    const { pattern, parts } = written(nodes[head], head);
    return each.map(([, edge], position) => ({ edge, pair: pattern.partials[position] ?? [[], []], parts })).filter(({ edge }) => edge >= 0);
  });
  const edges = graph.edges.map(([tail, head], edge) => {
    const { pair: [formula, filled], parts } = links[edge];
    return {
      tail, head, partial: column(pass.partials[edge]), contribution: column(pass.contributions[edge]), taken: column(pass.taken[edge]),
      formula: named(formula, parts), filled: slots(filled, parts),
    };
  });
  const torch = told.every((about) => about.kind === "constant" || about.torch);
  if (!torch) for (const about of told) about.torch = "";
  const loss = Number.isFinite(pass.data[output]) ? pass.data[output] : null;
  const { text } = program;
  const lines = text.split("\n");
  for (const about of told) {
    const number = text.slice(0, about.at).split("\n").length;
    if (about.kind !== "constant") about.line = { number, text: lines[number - 1].trim() };
  }
  /** Whether a node reads the operand in a position; a `where` reads one of its branches. */
  const taken = (place, position) => !steps[place][0].select || graph.partials(place, pass.data)[position] === 1;
  const payload = {
    nodes: told, edges, frames: 1, lengths: columns.map(() => 1), network: null, classes: classesOf(nodes),
    runs: [{ label: `η = ${rate}`, start: 0, stop: 1, epochs: [0], losses: [loss], lr: rate, own: true, update: "" }],
    title,
  };
  return { payload, numbers: Float64Array.from(columns), rows, taken };
}

export { payloadOf };
