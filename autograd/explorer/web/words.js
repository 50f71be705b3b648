/* A step in words and in mathematics. */

import { arrived, asked, boxAt, called, epoch, flows, frames, moved, operations, plan, readers } from "./graph.js";
import { data, grad, local, share, taken, updateOf } from "./live.js";
import { edges, into, nodes, output, range, trains } from "./payload.js";
import { written } from "./numbers.js";
import { kept, state } from "./state.js";
import { gradient, line, partial } from "./writing.js";

const inside = (number) => (number < 0 ? `(${written(number)})` : written(number));
const filled = (pieces) =>
  pieces
    .map((piece) => (typeof piece === "number" ? inside(data(piece)) : piece))
    .join("")
    .replace(/\((\([^()]*\))\)/g, "$1"); // √((−1))

const name = (node) => nodes[node].name;
const listed = (names, most = 6) =>
  names.length <= most
    ? names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names.join("")
    : `${names.slice(0, most - 1).join(", ")} and ${names.length - most + 1} more`;
const counted = (count, thing) => `${count.toLocaleString("en")} ${thing}${count === 1 ? "" : "s"}`;

/** Texts that are equal to each other, each said once. */
const equation = (...texts) =>
  texts.filter(Boolean).filter((text, place, all) => text !== all[place - 1]).join(" = ");
/** The number that a step leads to, or a question mark in the place of one that is to be predicted. */
const result = (number) => (asked() ? "?" : written(number));
const computed = (node, number = written(data(node))) =>
  equation(name(node), nodes[node].formula, filled(nodes[node].filled), number);

function told(step) {
  switch (step.kind) {
    case "given": return toldGiven();
    case "node": return toldNode(step);
    case "group": return toldGroup(step.box);
    case "seed":
      return {
        words: `The backward pass begins at ${name(output)}: its derivative with respect to itself is 1.`,
        formula: line(partial(output, output), " = 1"),
      };
    case "edge": return toldEdge(step.edge);
    case "back": return toldBack(step.box);
    case "update": return toldUpdate(step.node);
    case "updates": {
      const against = updateOf(step.moved[0]).lr === null ? "" : " against their gradients";
      return {
        words: `All ${counted(step.moved.length, "parameter")} of ${called(step.box)} move${against} at once; the first of them:`,
        formula: toldUpdate(step.moved[0]).formula,
      };
    }
  }
}

const { compare } = new Intl.Collator("en", { numeric: true });
const ofKind = (kind) => range(nodes.length).filter((node) => nodes[node].kind === kind)
  .sort((one, other) => compare(name(one), name(other)));
const sorted = kept(() => [], () => [ofKind("parameter"), ofKind("input")]);

function toldGiven() {
  const [weights, given] = sorted();
  const told = [given.length && counted(given.length, "input"), weights.length && counted(weights.length, "parameter")];
  const leaves = [...weights, ...given];
  const words = `he leaves are given: ${told.filter(Boolean).join(" and ") || "constants only"}.`;
  const when = state.live
    ? state.live.steps ? `After ${counted(state.live.steps, "update")} from your numbers: t` : "Your numbers: t"
    : frames() > 1 ? `Epoch ${epoch()}: t` : "T";
  return {
    words: when + words,
    formula: line(leaves.slice(0, 8).map((node) => `${name(node)} = ${written(data(node))}`).join(", ") + (leaves.length > 8 ? ", …" : "")),
  };
}

function toldNode({ node, phase }) {
  const operands = [...new Set(into[node].map((edge) => name(edges[edge].tail)))];
  const from = operands.length ? ` from ${listed(operands)}` : "";
  const what = trains ? "loss, the number to make small" : "output, the number to differentiate";
  const words = phase === 2
    ? `${name(node)} is the ${what}: computed${from}.`
    : `${name(node)} is computed${from}: ${operation(node)}.`;
  return { words, formula: line(computed(node, result(data(node)))) };
}

function toldGroup(box) {
  const count = operations(boxAt(box).nodes);
  const results = plan().results[box];
  return {
    words: `${called(box)} computes: ${counted(count, "operation")} ${count === 1 ? "gives" : "give"} ${counted(results.length, "number")} that others read.${boxAt(box).scope ? " Open it to see each." : ""}`,
    formula: line(results.slice(0, 4).map((node) => `${name(node)} = ${written(data(node))}`).join(", ") + (results.length > 4 ? ", …" : "")),
  };
}

function toldBack(box) {
  const { nodes: members } = boxAt(box);
  const inner = moved(members);
  const tails = new Set(members.flatMap((node) => into[node].map((edge) => edges[edge].tail)).filter((tail) => plan().home[tail] !== box));
  const to = [inner.length && `its ${counted(inner.length, "parameter")}`, tails.size && listed([...tails].map(name), 4)];
  return {
    words: `${called(box)} carries the gradient of its results back to ${to.filter(Boolean).join(" and to ")}.`,
    formula: inner.length
      ? line(`the gradient of its ${counted(inner.length, "parameter")} has the length ${written(Math.hypot(...inner.map((node) => grad(node))))}`)
      : line(...plan().results[box].slice(0, 3).flatMap((node, place) => [place ? ", " : "", gradient(node), ` = ${written(grad(node))}`])),
  };
}

function operation(node) {
  const { op, symbol } = nodes[node];
  return symbol && symbol !== op ? `${op} (${symbol})` : op;
}

function toldEdge(edge) {
  const { tail, head, formula } = edges[edge];
  if (!flows(edge)) {
    return {
      words: taken(edge)
        ? `${name(head)} has no gradient to hand back to ${name(tail)}.`
        : `${name(head)} did not read ${name(tail)}: nothing flows back along this edge.`,
      formula: line(partial(head, tail), " plays no part"),
    };
  }
  const shares = readers(tail).length;
  const before = arrived(tail, state.step - 1);
  const sum = before.reduce((total, each) => total + share(each), 0);
  const count = before.length + 1;
  const complete = count === shares;
  const place = shares === 1 ? "" : count === 1
    ? ` It is the first of ${shares} shares, which add up.`
    : ` It is added to what has arrived: share ${count} of ${shares}${complete ? ", and the sum is complete" : ""}.`;
  const factor = inside(local(edge));
  const symbols = !formula ? factor : /[ −]/.test(formula) ? `(${formula})` : formula;
  const sofar = before.length ? `${written(sum)} + ` : "";
  const more = complete ? "" : " + …";
  const total = complete ? grad(tail) : sum + share(edge);
  return {
    words: `${name(head)} hands its gradient back to ${name(tail)}, times the local derivative${formula ? ` ${formula}` : ""}.${place}`,
    formula: line(
      gradient(tail), ` = ${sofar}`, gradient(head), ` · ${symbols}${more} = ${sofar}${inside(grad(head))} · ${factor}${more} = ${result(total)}${more}`,
    ),
  };
}

function toldUpdate(node) {
  const { next, size, own, lr, rule } = updateOf(node);
  if (lr === null) {
    return {
      words: `${name(node)} is updated (${rule}).`,
      formula: line(`${name(node)} ← ${result(next)}, before ${written(data(node))}`),
    };
  }
  const what = own ? [gradient(node)] : ["mean of ", gradient(node)];
  return {
    words: `${name(node)} takes a step against its gradient${own ? "" : ", averaged over all examples"} (${rule}): it ${asked() ? "moves" : size > 0 ? "falls" : size < 0 ? "rises" : "stays"}.`,
    formula: line(`${name(node)} ← ${name(node)} − η · `, ...what, ` = ${written(data(node))} − ${written(lr)} · ${inside(size)} = ${result(next)}`),
  };
}

export { compare, computed, counted, equation, filled, inside, name, operation, told };
