/* One forward and one backward pass over a recorded graph, with any numbers in its leaves. */

/**
 * A graph, ready to be swept with any numbers in its leaves.
 *
 * `steps` has for each node, operands first, null for a leaf or [row, operands]: a function with `forward` and
 * `partials`, and the places of its operands, an array of them for a sequence. `constants` says of each node
 * whether it is a number that was written into an expression; these have no edges. `select` of a row says that it
 * copies one operand and ignores the others.
 */
class Graph {
  constructor(steps, constants) {
    this.steps = steps;
    this.edges = []; // [tail, head], in the order of the heads and of their operands
    this.links = steps.map((each, head) => {
      if (each === null) return [];
      return each[1].flat().map((tail) => [tail, constants[tail] ? -1 : this.edges.push([tail, head]) - 1]);
    });
  }

  /** The number of every node. `leaves` has those of the leaves, in their places. */
  forward(leaves) {
    const data = Float64Array.from(leaves);
    this.renew(data, this.steps.keys());
    return data;
  }

  /** Compute the nodes in these places anew, in their order. */
  renew(data, places) {
    const numbers = (operand) => (Array.isArray(operand) ? operand.map((place) => data[place]) : data[operand]);
    for (const place of places) {
      const step = this.steps[place];
      if (step !== null) data[place] = step[0].forward(...step[1].map(numbers));
    }
  }

  /** The gradient of the last node by every node, from its numbers, with every partial and every share. */
  backward(data) {
    const size = this.edges.length;
    const pass = {
      data, grads: new Float64Array(data.length), partials: new Float64Array(size),
      contributions: new Float64Array(size), taken: new Uint8Array(size).fill(1),
    };
    const numbers = (operand) => (Array.isArray(operand) ? operand.map((place) => data[place]) : data[operand]);
    const reached = new Uint8Array(data.length);
    const last = data.length - 1;
    pass.grads[last] = reached[last] = 1;
    for (let head = last; head >= 0; head -= 1) {
      if (this.steps[head] === null) continue;
      const [row, operands] = this.steps[head];
      const partials = row.partials(data[head], ...operands.map(numbers));
      this.links[head].forEach(([tail, edge], position) => {
        if (edge < 0) return;
        pass.partials[edge] = partials[position];
        if (row.select && partials[position] !== 1) pass.taken[edge] = 0;
        if (!reached[head] || !pass.taken[edge]) return;
        pass.contributions[edge] = pass.grads[head] * partials[position];
        pass.grads[tail] = reached[tail] ? pass.grads[tail] + pass.contributions[edge] : pass.contributions[edge];
        reached[tail] = 1;
      });
    }
    return pass;
  }

  run(leaves) {
    return this.backward(this.forward(leaves));
  }
}

export { Graph };
