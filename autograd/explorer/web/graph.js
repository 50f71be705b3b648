/* The graph: the flow of its gradient, and the steps through it. */

import { data, grad, share, taken } from "./live.js";
import { edges, into, nodes, outof, output, pictures, runs, trains } from "./payload.js";
import { say } from "./say.js";
import { kept, state } from "./state.js";

const run = () => runs[state.run];
const frameInRun = () => state.frame - run().start;
const epoch = () => run().epochs[frameInRun()];
const frames = () => run().stop - run().start;
/** A recorded training ends without an update. */
const updates = () => trains && (state.live !== null || frames() === 1 || frameInRun() < frames() - 1);

/** The edges along which the gradient flows now: not those of a branch not taken. */
const flowing = kept(() => [state.frame, state.live], () => {
  const found = new Set();
  const reached = new Set([output]);
  for (let edge = edges.length - 1; edge >= 0; edge -= 1) { // heads come in topological order
    if (!taken(edge) || !reached.has(edges[edge].head)) continue;
    found.add(edge);
    reached.add(edges[edge].tail);
  }
  return found;
});
const flows = (edge) => flowing().has(edge);
/** The edges along which the gradient of a node comes back. */
const allReaders = kept(() => [flowing()], () => outof.map((out) => out.filter((edge) => flowing().has(edge))));
const readers = (node) => allReaders()[node];

/** The nodes that depend on a node, itself included. */
function reached(node) {
  const found = new Set([node]);
  edges.forEach((edge, place) => {
    if (found.has(edge.tail) && flows(place)) found.add(edge.head);
  });
  return found;
}

// --- steps ---------------------------------------------------------------------------------------------

const PHASES = ["given", "forward", trains ? "loss" : "output", "backward", "update"].map((phase) => `phase.${phase}`);

/** The steps through one picture; a closed box takes one step. */
function stepsOf(picture) {
  const { boxes, order } = picture;
  const home = [];
  boxes.forEach((box, place) => box.nodes.forEach((node) => (home[node] = place)));
  const steps = [{ phase: 0, kind: "given", boxes: [] }];
  const known = nodes.map(() => 0); // the step that computes the data of each node
  const arrival = edges.map(() => 0); // the step that carries a share along each edge
  const single = (box) => boxes[box].nodes.length === 1;
  for (const box of order) {
    const computed = boxes[box].nodes.filter((node) => nodes[node].op);
    if (!computed.length) continue;
    for (const node of computed) known[node] = steps.length;
    const kind = single(box) ? "node" : "group";
    steps.push({ phase: computed.includes(output) ? 2 : 1, kind, box, node: computed.at(-1), boxes: [box] });
  }
  const seed = steps.length;
  steps.push({ phase: 3, kind: "seed", node: output, boxes: [home[output]] });
  for (const box of [...order].reverse()) {
    const arriving = boxes[box].nodes.flatMap((node) => into[node]);
    if (!arriving.length) continue;
    for (const edge of arriving) {
      const { tail } = edges[edge];
      arrival[edge] = steps.length;
      if (single(box)) steps.push({ phase: 3, kind: "edge", edge, node: tail, boxes: [home[tail], box] });
    }
    if (!single(box)) steps.push({ phase: 3, kind: "back", box, node: boxes[box].nodes.at(-1), boxes: [box] });
  }
  const backward = steps.length;
  for (const box of order) {
    const movers = moved(boxes[box].nodes);
    if (!movers.length) continue;
    steps.push({ phase: 4, kind: single(box) ? "update" : "updates", box, node: movers[0], moved: movers, boxes: [box] });
  }
  const read = (node) => node === output || outof[node].some((edge) => home[edges[edge].head] !== home[node]);
  const results = boxes.map((box) => box.nodes.filter((node) => nodes[node].op && read(node)));
  return { steps, known, arrival, seed, backward, home, results };
}

const plans = pictures.map(() => null);
const plan = (picture = state.picture) => (plans[picture] ??= stepsOf(pictures[picture]));
const count = (picture = state.picture) => (updates() ? plan(picture).steps.length : plan(picture).backward);
const current = () => plan().steps[state.step];
const boxAt = (place) => pictures[state.picture].boxes[place];

/** The shares that have arrived at a node up to a step, in the order of their arrival. */
function arrived(node, step = state.step) {
  const { arrival } = plan();
  return readers(node)
    .filter((edge) => arrival[edge] <= step)
    .sort((one, other) => arrival[one] - arrival[other]);
}

/** The gradient as far as it is summed: null before anything arrived. */
function summed(node, step = state.step) {
  if (node === output) return step >= plan().seed ? 1 : null;
  const shares = arrived(node, step);
  if (!shares.length) return null;
  if (shares.length === readers(node).length) return grad(node);
  return shares.reduce((sum, edge) => sum + share(edge), 0);
}

/** The name of a box of several nodes: a layer, a neuron, or repeats. */
function called(place) {
  const { scope, nodes: members } = boxAt(place);
  return scope || say("repeated", { name: nodes[members[0]].op || nodes[members[0]].name, count: members.length });
}

const moved = (members) => members.filter((node) => "after" in nodes[node]);
const operations = (members) => members.filter((node) => nodes[node].op).length;

const atStart = () => state.step === 0 && (state.live !== null || frameInRun() === 0);
const atEnd = () => state.step === count() - 1 && (state.live ? !trains : frameInRun() === frames() - 1);

/** Whether the number of this step is hidden for a prediction. */
const asked = () => state.predict && state.revealed !== state.step && predictable(current());
const predictable = ({ kind, edge }) => kind === "node" || kind === "update" || (kind === "edge" && flows(edge));

/** The last step whose numbers are shown. */
const upTo = () => (asked() ? state.step - 1 : state.step);

export {
  arrived, asked, atEnd, atStart, boxAt, called, count, current, epoch, flows, frameInRun, frames, moved, operations, PHASES, plan, reached, readers, run, summed, updates, upTo,
};
