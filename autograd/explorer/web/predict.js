/* Predict: the number of a step is hidden, the reader types it, and the page says whether it is right, or the slip.

   A slip is found by computing the step with one thing changed. */

import { find, put } from "./elements.js";
import { arrived, asked, current, readers } from "./graph.js";
import { data, grad, local, recorded, share, updateOf } from "./live.js";
import { read, written } from "./numbers.js";
import { edges, into, nodes, parameters } from "./payload.js";
import { say } from "./say.js";
import { change, onChange, state, view } from "./state.js";
import { name, operation } from "./words.js";

const MOST = 64; // terms or parameters to try

/** The right number of a step, and the numbers of slips with a sentence each. */
function question(step) {
  if (step.kind === "node") return ofNode(step.node);
  return step.kind === "edge" ? ofEdge(step.edge) : ofUpdate(step.node);
}

function ofNode(node) {
  const right = data(node);
  const operands = nodes[node].operands?.flat() ?? [];
  const slips = [];
  if (state.live) slips.push([recorded(nodes[node].data), say("slip.before", { name: name(node) })]);
  if (operands.length === 1) slips.push([data(operands[0]), say("slip.operation", { name: name(operands[0]), operation: operation(node) })]);
  if (operands.length === 2) {
    const [a, b] = operands.map(data);
    const [x, y] = operands.map(name);
    const other = (number, formula, key = "slip.other") => slips.push([number, say(key, { formula })]);
    other(a + b, `${x} + ${y}`);
    other(a * b, `${x} · ${y}`);
    other(a - b, `${x} − ${y}`);
    other(b - a, `${y} − ${x}`, "slip.swapped");
    other(a / b, `${x} / ${y}`);
    other(b / a, `${y} / ${x}`);
  }
  for (const place of terms(node)) slips.push([right - place.number, say("slip.term", { term: place.text })]);
  slips.push([-right, say("slip.sign")]);
  return { right, slips };
}

/** The terms of a sum or a dot product. */
function terms(node) {
  const { op, operands } = nodes[node];
  if (op === "sum") return operands[0].slice(0, MOST).map((each) => ({ number: data(each), text: name(each) }));
  if (op !== "dot") return [];
  const [weights, inputs, bias] = operands;
  const products = weights.slice(0, MOST).map((w, i) => ({ number: data(w) * data(inputs[i]), text: `${name(w)} · ${name(inputs[i])}` }));
  return bias === undefined ? products : [...products, { number: data(bias), text: name(bias) }];
}

function ofEdge(edge) {
  const { tail, head } = edges[edge];
  const [g, p] = [grad(head), local(edge)];
  const before = arrived(tail, state.step - 1).reduce((sum, each) => sum + share(each), 0);
  const slips = [];
  if (before !== 0) slips.push([g * p, say("slip.share", { number: written(before) })]);
  slips.push([before + g, say("slip.local", { number: written(p) })]);
  slips.push([before + p, say("slip.incoming", { number: written(g) })]);
  for (const other of into[head]) {
    if (other !== edge) slips.push([before + g * local(other), say("slip.edge", { name: name(edges[other].tail) })]);
  }
  readers(head).reduce((sum, each) => {
    if (sum !== 0) slips.push([before + sum * p, say("slip.stale", { name: name(head) })]);
    return sum + share(each);
  }, 0);
  slips.push([before + g + p, say("slip.added")], [before - g * p, say("slip.sign")]);
  return { right: before + share(edge), slips };
}

function ofUpdate(node) {
  const { next, size, lr } = updateOf(node);
  const slips = [[data(node), say("slip.still", { name: name(node) })]];
  if (lr !== null) {
    slips.push(
      [data(node) + lr * size, say("slip.along")],
      [data(node) - size, say("slip.rate")], [lr * size, say("slip.taken", { name: name(node) })],
    );
    for (const other of parameters.slice(0, MOST)) {
      if (other !== node) slips.push([data(node) - lr * updateOf(other).size, say("slip.gradient", { name: name(other) })]);
    }
  }
  return { right: next, slips };
}

/** Whether a number is meant: to ¾ of a unit of the last digit typed, and to half a percent at worst. */
function means(text, typed, number) {
  const [digits, exponent = "0"] = text.trim().toLowerCase().split("e");
  const unit = 10 ** (Number(exponent) - (digits.split(".")[1] ?? "").length);
  const near = Math.min(0.75 * unit, 0.005 * Math.abs(number));
  return typed === number || Math.abs(typed - number) <= Math.max(near, 1e-9 * Math.abs(number));
}

function check(event) {
  event.preventDefault();
  const text = find("guessed").value;
  const typed = read(text);
  if (Number.isNaN(typed)) return put(find("verdict"), say("predict.type"));
  const { right, slips } = question(current());
  if (means(text, typed, right)) {
    change({ revealed: state.step });
    return put(find("verdict"), say("predict.right", { number: written(right) }));
  }
  const slip = slips.find(([number]) => Number.isFinite(number) && !means(text, number, right) && means(text, typed, number));
  put(find("verdict"), slip?.[1] ?? say("predict.wrong"));
}

const ask = onChange(() => [state.predict, state.step, state.frame, state.live], () => {
  find("guess").hidden = !asked();
  find("guessed").value = "";
  put(find("verdict"), "");
});

find("predict").addEventListener("change", ({ target }) => change({ predict: target.checked, revealed: -1 }));
find("reveal").addEventListener("click", () => change({ revealed: state.step }));
find("guess").addEventListener("submit", check);
view(ask);
