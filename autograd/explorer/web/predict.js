/* Predict: the number of a step is hidden, the reader types it and is told what is right or which slip it was.

   A slip is found by computing the step with one thing changed. */

import { arrived, asked, current, readers } from "./graph.js";
import { data, grad, local, recorded, share, updateOf } from "./live.js";
import { read, written } from "./numbers.js";
import { edges, find, into, nodes, parameters } from "./payload.js";
import { change, onChange, state, view } from "./state.js";
import { name, operation } from "./words.js";
import { put } from "./writing.js";

const MOST = 64; // others that a number may have been taken from

/** The right number of a step, and wrong ones with what was done to get them: pairs of a number and a sentence. */
function question(step) {
  if (step.kind === "node") return ofNode(step.node);
  return step.kind === "edge" ? ofEdge(step.edge) : ofUpdate(step.node);
}

function ofNode(node) {
  const right = data(node);
  const operands = nodes[node].operands?.flat() ?? [];
  const slips = [];
  if (state.live) slips.push([recorded(nodes[node].data), `That was ${name(node)} before your changes.`]);
  if (operands.length === 1) slips.push([data(operands[0]), `That is ${name(operands[0])} itself: ${operation(node)} is missing.`]);
  if (operands.length === 2) {
    const [a, b] = operands.map(data);
    const [x, y] = operands.map(name);
    slips.push(
      [a + b, `That is ${x} + ${y}.`], [a * b, `That is ${x} · ${y}.`], [a - b, `That is ${x} − ${y}.`],
      [b - a, `That is ${y} − ${x}: the operands are swapped.`], [a / b, `That is ${x} / ${y}.`], [b / a, `That is ${y} / ${x}.`],
    );
  }
  for (const place of terms(node)) slips.push([right - place.number, `The term ${place.text} is missing.`]);
  slips.push([-right, "The sign is wrong."]);
  return { right, slips };
}

/** What a sum or a dot product adds up. */
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
  if (before !== 0) slips.push([g * p, `That is this share alone: ${written(before)} had arrived before, and shares add up.`]);
  slips.push([before + g, `The local derivative, ${written(p)}, is missing.`]);
  slips.push([before + p, `The gradient that comes in, ${written(g)}, is missing.`]);
  for (const other of into[head]) {
    if (other !== edge) slips.push([before + g * local(other), `That is with the local derivative by ${name(edges[other].tail)}: the two are swapped.`]);
  }
  readers(head).reduce((sum, each) => {
    if (sum !== 0) slips.push([before + sum * p, `The gradient of ${name(head)} is stale: not all of its shares are in it.`]);
    return sum + share(each);
  }, 0);
  slips.push([before + g + p, "Gradient and local derivative are multiplied, not added."], [before - g * p, "The sign is wrong."]);
  return { right: before + share(edge), slips };
}

function ofUpdate(node) {
  const { next, size, lr } = updateOf(node);
  const slips = [[data(node), `${name(node)} is still what it was.`]];
  if (lr !== null) {
    slips.push(
      [data(node) + lr * size, "That is a step along the gradient: it goes against it."],
      [data(node) - size, "The learning rate is missing."], [lr * size, `That is what is taken away from ${name(node)}.`],
    );
    for (const other of parameters.slice(0, MOST)) {
      if (other !== node) slips.push([data(node) - lr * updateOf(other).size, `That is with the gradient of ${name(other)}.`]);
    }
  }
  return { right: next, slips };
}

/** Whether a number is meant: to half a unit of the last digit that was typed, and to half a percent at worst. */
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
  if (Number.isNaN(typed)) return put(find("verdict"), "Type a number, such as 0.25 or 3e-4.");
  const { right, slips } = question(current());
  if (means(text, typed, right)) {
    change({ revealed: state.step });
    return put(find("verdict"), `Right: ${written(right)}.`);
  }
  const slip = slips.find(([number]) => Number.isFinite(number) && !means(text, number, right) && means(text, typed, number));
  put(find("verdict"), slip?.[1] ?? "Not yet.");
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
