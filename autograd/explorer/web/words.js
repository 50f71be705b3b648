/* A step in words and in mathematics. */

import { arrived, asked, boxAt, called, epoch, flows, frames, moved, operations, plan, readers } from "./graph.js";
import { data, grad, local, share, taken, updateOf } from "./live.js";
import { edges, into, nodes, output, range, trains } from "./payload.js";
import { written } from "./numbers.js";
import { say } from "./say.js";
import { kept, state } from "./state.js";
import { gradient, line, partial } from "./writing.js";

const inside = (number) => (number < 0 ? `(${written(number)})` : written(number));
const filled = (pieces) =>
  pieces
    .map((piece) => (typeof piece === "number" ? inside(data(piece)) : piece))
    .join("")
    .replace(/\((\([^()]*\))\)/g, "$1"); // √((−1))

const name = (node) => nodes[node].name;
function listed(names, most = 6) {
  if (names.length > most) return say("more", { first: names.slice(0, most - 1).join(", "), count: names.length - most + 1 });
  return names.length > 1 ? say("and", { first: names.slice(0, -1).join(", "), last: names.at(-1) }) : names.join("");
}
const counted = (count, things) => say(things, { count });

/** Equal sides, without repeats. */
const equation = (...texts) =>
  texts.filter(Boolean).filter((text, place, all) => text !== all[place - 1]).join(" = ");
/** The number of a step, or a question mark for a prediction. */
const result = (number) => (asked() ? "?" : written(number));
const computed = (node, number = written(data(node))) =>
  equation(name(node), nodes[node].formula, filled(nodes[node].filled), number);

const TOLD = {
  given: toldGiven, node: toldNode, group: toldGroup, edge: toldEdge, back: toldBack, update: toldUpdate, updates: toldUpdates,
  seed: () => ({ words: say("seed", { name: name(output) }), formula: line(partial(output, output), " = 1") }),
};
const told = (step) => TOLD[step.kind](step);

const { compare } = new Intl.Collator("en", { numeric: true });
const ofKind = (kind) => range(nodes.length).filter((node) => nodes[node].kind === kind)
  .sort((one, other) => compare(name(one), name(other)));
const sorted = kept(() => [], () => [ofKind("parameter"), ofKind("input")]);

function toldGiven() {
  const [weights, given] = sorted();
  const told = [given.length && counted(given.length, "inputs"), weights.length && counted(weights.length, "parameters")].filter(Boolean);
  const leaves = [...weights, ...given];
  const when = state.live ? (state.live.steps ? "trained" : "yours") : frames() > 1 ? "epoch" : "recorded";
  const updates = counted(state.live?.steps ?? 0, "updates");
  return {
    words: say(`given.${when}`, { what: told.length ? listed(told) : say("constants"), epoch: epoch(), updates }),
    formula: line(leaves.slice(0, 8).map((node) => `${name(node)} = ${written(data(node))}`).join(", ") + (leaves.length > 8 ? ", …" : "")),
  };
}

function toldNode({ node, phase }) {
  const operands = [...new Set(into[node].map((edge) => name(edges[edge].tail)))];
  const key = phase === 2 ? (trains ? "node.loss" : "node.output") : operands.length ? "node.from" : "node";
  const words = say(key, { name: name(node), operands: listed(operands), operation: operation(node) });
  return { words, formula: line(computed(node, result(data(node)))) };
}

function toldGroup({ box }) {
  const count = operations(boxAt(box).nodes);
  const results = plan().results[box];
  return {
    words: [
      say("group", { name: called(box), count, operations: counted(count, "operations"), numbers: counted(results.length, "numbers") }),
      ...(boxAt(box).scope ? [say("group.open")] : []),
    ].join(" "),
    formula: line(results.slice(0, 4).map((node) => `${name(node)} = ${written(data(node))}`).join(", ") + (results.length > 4 ? ", …" : "")),
  };
}

function toldBack({ box }) {
  const { nodes: members } = boxAt(box);
  const inner = moved(members);
  const tails = new Set(members.flatMap((node) => into[node].map((edge) => edges[edge].tail)).filter((tail) => plan().home[tail] !== box));
  const own = counted(inner.length, "back.own");
  const others = listed([...tails].map(name), 4);
  const to = !tails.size ? own : !inner.length ? others : say("back.both", { own, others });
  return {
    words: say("back", { name: called(box), to }),
    formula: inner.length
      ? line(say("back.length", { count: inner.length, length: written(Math.hypot(...inner.map((node) => grad(node)))) }))
      : line(...plan().results[box].slice(0, 3).flatMap((node, place) => [place ? ", " : "", gradient(node), ` = ${written(grad(node))}`])),
  };
}

function operation(node) {
  const { op, symbol } = nodes[node];
  return symbol && symbol !== op ? `${op} (${symbol})` : op;
}

function toldEdge({ edge }) {
  const { tail, head, formula } = edges[edge];
  if (!flows(edge)) {
    return {
      words: say(taken(edge) ? "edge.none" : "edge.untaken", { head: name(head), tail: name(tail) }),
      formula: line(partial(head, tail), ` ${say("no part")}`),
    };
  }
  const shares = readers(tail).length;
  const before = arrived(tail, state.step - 1);
  const sum = before.reduce((total, each) => total + share(each), 0);
  const count = before.length + 1;
  const complete = count === shares;
  const place = shares === 1 ? [] : [say(count === 1 ? "edge.first" : complete ? "edge.last" : "edge.later", { shares, place: count })];
  const factor = inside(local(edge));
  const symbols = !formula ? factor : /[ −]/.test(formula) ? `(${formula})` : formula;
  const sofar = before.length ? `${written(sum)} + ` : "";
  const more = complete ? "" : " + …";
  const total = complete ? grad(tail) : sum + share(edge);
  return {
    words: [say(formula ? "edge" : "edge.short", { head: name(head), tail: name(tail), formula }), ...place].join(" "),
    formula: line(
      gradient(tail), ` = ${sofar}`, gradient(head), ` · ${symbols}${more} = ${sofar}${inside(grad(head))} · ${factor}${more} = ${result(total)}${more}`,
    ),
  };
}

function toldUpdate({ node }) {
  const { next, size, own, over, lr, rule } = updateOf(node);
  if (lr === null) {
    return {
      words: say("update.rule", { name: name(node), rule }),
      formula: line(`${name(node)} ← ${say("update.before", { next: result(next), data: written(data(node)) })}`),
    };
  }
  const what = own ? [gradient(node)] : [`${say("update.mean")} `, gradient(node)];
  const moves = asked() ? "moves" : size > 0 ? "falls" : size < 0 ? "rises" : "stays";
  return {
    words: say(own ? `update.${moves}` : `update.mean.${moves}`, { name: name(node), rule, over: say(over) }),
    formula: line(`${name(node)} ← ${name(node)} − η · `, ...what, ` = ${written(data(node))} − ${written(lr)} · ${inside(size)} = ${result(next)}`),
  };
}

function toldUpdates({ box, moved: [first, ...others] }) {
  const how = updateOf(first).lr === null ? "updates.rule" : "updates.descent";
  const words = say(how, { parameters: counted(others.length + 1, "parameters"), name: called(box) });
  return { words, formula: toldUpdate({ node: first }).formula };
}

export { compare, computed, counted, equation, filled, inside, listed, name, operation, told };
