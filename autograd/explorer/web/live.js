/* The numbers of the moment: the recorded ones of a frame, or live ones, computed from the reader's.

   `state.live` is null, or the reader's version of a frame: never changed, always replaced.
     leaves    the number of every leaf, in its place
     edited    the leaves that the reader gave
     examples  the numbers of the inputs in each example
     batch     the number of examples in an update; 0 for all
     example   the example shown
     steps, losses, memory, rate, optimizer  of the training from here: see optimizers.js */

import { OPTIMIZERS } from "./optimizers.js";
import { edges, inputs, leaves, nodes, numbers, output, parameters, payload, runs } from "./payload.js";
import { ROWS } from "./rows.js";
import { read } from "./numbers.js";
import { change, kept, state } from "./state.js";
import { Graph } from "./sweep.js";

const graph = ROWS && new Graph(
  nodes.map(({ row, operands }) => (row === undefined ? null : [ROWS[row], operands])),
  nodes.map(({ kind }) => kind === "constant"),
);

const offsets = [];
payload.lengths.reduce((offset, length) => (offsets.push(offset), offset + length), 0);
const recorded = (column) => numbers[offsets[column] + (payload.lengths[column] > 1 ? state.frame : 0)];

/** Both passes with these leaves, which never change: done once. */
const passes = new WeakMap();
function run(leaves) {
  if (!passes.has(leaves)) passes.set(leaves, graph.run(leaves));
  return passes.get(leaves);
}
const pass = () => run(state.live.leaves);
const data = (node) => (state.live ? pass().data[node] : recorded(nodes[node].data));
const grad = (node) => (state.live ? pass().grads[node] : recorded(nodes[node].grad));
const local = (edge) => (state.live ? pass().partials[edge] : recorded(edges[edge].partial));
const share = (edge) => (state.live ? pass().contributions[edge] : recorded(edges[edge].contribution));
const taken = (edge) => (state.live ? pass().taken[edge] : recorded(edges[edge].taken)) !== 0;

/** The first node, in the order of computing, whose number is not finite; −1 where all are. */
const firstNotFinite = () => pass().data.findIndex((number) => !Number.isFinite(number));

/** The index node of a node whose index is out of range, and the last index; else null. */
function misplaced(node) {
  const { row, operands } = nodes[node];
  const place = row === undefined ? undefined : ROWS[row].index;
  if (place === undefined) return null;
  const [which, last] = [operands[place], operands.find(Array.isArray).length - 1];
  return Number.isInteger(data(which)) && data(which) >= 0 && data(which) <= last ? null : { which, last };
}

/** Δoutput/Δleaf for a step of that size. */
function quotient(leaf, size) {
  const numbers = Float64Array.from(nodes, (_, node) => data(node));
  numbers[leaf] += size;
  return (graph.forward(numbers)[output] - data(output)) / (numbers[leaf] - data(leaf));
}

/** Recompute nodes in an array of all numbers, in their order. */
const forward = (numbers, places) => graph.renew(numbers, places);

// --- changing numbers ----------------------------------------------------------------------------------

function begun() {
  const numbers = Float64Array.from(nodes, ({ data }) => recorded(data));
  const { lr } = runs[state.run];
  return {
    leaves: numbers, edited: new Set(), examples: [inputs.map((node) => numbers[node])], example: 0,
    steps: 0, losses: [numbers[output]], memory: null, rate: lr ?? 0.1, optimizer: "SGD", batch: 0,
  };
}

/** The state with other numbers in some leaves; inputs change in the example shown. */
function withLeaves(live, numbers) {
  const changed = Float64Array.from(live.leaves);
  for (const [node, number] of numbers) changed[node] = number;
  const examples = live.examples.with(live.example, inputs.map((node) => changed[node]));
  return measured({ ...live, leaves: changed, examples });
}

function give(node, number) {
  const live = state.live ?? begun();
  change({ live: { ...withLeaves(live, [[node, number]]), edited: new Set([...live.edited, node]) } });
}

/** Reset one leaf, or all and with them the recorded training. */
function reset(node) {
  if (node === undefined) return change({ live: null });
  const edited = new Set(state.live.edited);
  edited.delete(node);
  const untouched = !edited.size && !state.live.steps && state.live.examples.length === 1;
  change({ live: untouched ? null : { ...withLeaves(state.live, [[node, recorded(nodes[node].data)]]), edited } });
}

// --- training ------------------------------------------------------------------------------------------

/** The leaves in one of the examples. */
function inExample(live, example) {
  if (inputs.every((node, place) => live.leaves[node] === live.examples[example][place])) return live.leaves;
  const numbers = Float64Array.from(live.leaves);
  inputs.forEach((node, place) => (numbers[node] = live.examples[example][place]));
  return numbers;
}

const mean = (numbers) => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
const loss = (live) => mean(live.examples.map((_, example) => run(inExample(live, example)).data[output]));
const measured = (live) => ({ ...live, losses: live.losses.with(-1, loss(live)) });

/** The examples of the next update: batch after batch, the last of an epoch smaller, as `nn.fit`. */
function nextBatch({ examples, batch, steps }) {
  const size = batch || examples.length;
  const start = size * (steps % Math.ceil(examples.length / size));
  return [...examples.keys()].slice(start, start + size);
}

/** The next update: its gradient, what it takes away from each parameter, and the memory after it. */
function nextUpdate(live) {
  const passes = nextBatch(live).map((example) => run(inExample(live, example)));
  const gradient = parameters.map((node) => mean(passes.map(({ grads }) => grads[node])));
  const [away, memory] = OPTIMIZERS[live.optimizer](gradient, live.memory, live.rate);
  return { gradient, away, memory };
}

function updated(live) {
  const { away, memory } = nextUpdate(live);
  const changed = Float64Array.from(live.leaves);
  parameters.forEach((node, place) => (changed[node] -= away[place]));
  const next = { ...live, leaves: changed, memory, steps: live.steps + 1 };
  return { ...next, losses: [...live.losses, loss(next)] };
}

/** Some updates; fewer if the loss leaves the finite numbers. */
function train(steps) {
  let live = state.live ?? begun();
  for (let step = 0; step < steps && Number.isFinite(live.losses.at(-1)); step += 1) live = updated(live);
  change({ live });
}

const upcoming = kept(() => [state.live], () => state.live && nextUpdate(state.live));

/** A parameter's next update: where it goes, its gradient, and whether that is the one shown. */
function updateOf(node) {
  const { after, gradient } = nodes[node];
  if (!state.live) {
    const { label, lr, own, update } = runs[state.run];
    return { next: recorded(after), size: own ? grad(node) : recorded(gradient), own, over: "over.all", lr, rule: [label, update].filter(Boolean).join("; ") };
  }
  const { rate, optimizer, examples, example } = state.live;
  const place = parameters.indexOf(node);
  const batch = nextBatch(state.live);
  return {
    next: data(node) - upcoming().away[place], size: upcoming().gradient[place],
    own: batch.length === 1 && batch[0] === example, over: batch.length < examples.length ? "over.batch" : "over.all",
    lr: optimizer === "SGD" ? rate : null, rule: optimizer === "SGD" ? `η = ${rate}` : `${optimizer}, η = ${rate}`,
  };
}

function setTraining(options) {
  change({ live: { ...(state.live ?? begun()), ...options } });
}

// --- examples ------------------------------------------------------------------------------------------

function show(example, live = state.live ?? begun()) {
  change({ live: { ...live, example, leaves: inExample(live, example) } });
}

function addExample() {
  const live = state.live ?? begun();
  const examples = [...live.examples, live.examples[live.example]];
  show(examples.length - 1, measured({ ...live, examples }));
}

function removeExample(example) {
  const examples = state.live.examples.toSpliced(example, 1);
  show(Math.min(state.live.example, examples.length - 1), measured({ ...state.live, examples }));
}

// --- states: data that may come from anywhere ----------------------------------------------------------------

/** The live numbers as data for `restore`. */
function saved() {
  const live = state.live ?? begun();
  return {
    version: 1, names: leaves.map((node) => nodes[node].name), numbers: leaves.map((node) => String(live.leaves[node])),
    examples: live.examples.map((example) => example.map(String)), example: live.example, rate: live.rate, optimizer: live.optimizer, batch: live.batch,
  };
}

/** Show a state and return null; or change nothing and return its fault, a key of the texts below `fault`. */
function restore(found) {
  const list = (value, length) => Array.isArray(value) && value.length === length;
  const number = (text) => typeof text === "string" && text.length < 40 && (text === "NaN" || !Number.isNaN(read(text)));
  if (found === null || typeof found !== "object" || found.version !== 1) return { key: "version" };
  if (!list(found.names, leaves.length) || !leaves.every((node, place) => found.names[place] === nodes[node].name)) return { key: "names" };
  if (!list(found.numbers, leaves.length) || !found.numbers.every(number)) return { key: "numbers", count: leaves.length };
  const { examples, example, rate, optimizer, batch = 0 } = found;
  if (!Array.isArray(examples) || !examples.length || examples.length > 10_000) return { key: "examples" };
  if (!examples.every((each) => list(each, inputs.length) && each.every(number))) return { key: "example" };
  if (!Number.isInteger(example) || example < 0 || example >= examples.length) return { key: "shown" };
  if (typeof rate !== "number" || !Number.isFinite(rate)) return { key: "rate" };
  if (typeof optimizer !== "string" || !Object.hasOwn(OPTIMIZERS, optimizer)) return { key: "optimizer" };
  if (!Number.isInteger(batch) || batch < 0 || batch > 10_000) return { key: "batch" };
  const live = { ...begun(), examples: examples.map((each) => each.map(Number)), example, rate, optimizer, batch };
  leaves.forEach((node, place) => {
    live.leaves[node] = Number(found.numbers[place]);
    if (live.leaves[node] !== recorded(nodes[node].data)) live.edited.add(node);
  });
  live.leaves = inExample(live, example);
  change({ live: { ...live, losses: [loss(live)] } });
  return null;
}

const canEdit = graph !== null && leaves.length > 0;

export {
  addExample, canEdit, data, firstNotFinite, forward, give, grad, local, misplaced, quotient, recorded, removeExample, reset, restore, saved,
  setTraining, share, show, taken, train, updateOf,
};
