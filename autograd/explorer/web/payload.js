/* The data of the page. */

import { given } from "./given.js";

const range = (size) => Array.from({ length: size }, (_, place) => place);

const { payload, numbers } = given;
const { nodes, edges, runs, pictures } = payload;
const output = nodes.length - 1;

const into = nodes.map(() => []); // the edges from the operands of a node
const outof = nodes.map(() => []); // and those to what reads it
edges.forEach((edge, place) => {
  into[edge.head].push(place);
  outof[edge.tail].push(place);
});
const parameters = range(nodes.length).filter((node) => "after" in nodes[node]);
const inputs = range(nodes.length).filter((node) => nodes[node].kind === "input");
const leaves = [...parameters, ...inputs].sort((one, other) => one - other);
const trains = parameters.length > 0;

export { edges, inputs, into, leaves, nodes, numbers, outof, output, parameters, payload, pictures, range, runs, trains };
