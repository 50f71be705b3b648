/* One forward and one backward pass over a recorded graph, with any numbers in its leaves. */

/**
 * `steps` has for each node, operands first, null for a leaf or [row, operands]: an object with `forward` and
 * `partials`, and the places of its operands, an array for a sequence. `constants` marks the nodes that are numbers
 * in an expression; they have no edges. A row with `select` copies one operand and ignores the others.
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

  /** The number of every node; `leaves` has the leaves' in their places. */
  forward(leaves) {
    const data = Float64Array.from(leaves);
    this.renew(data, this.steps.keys());
    return data;
  }

  /** Recompute the nodes in these places, in their order. */
  renew(data, places) {
    for (const place of places) if (this.steps[place]) data[place] = this.steps[place][0].forward(...this.numbers(place, data));
  }

  /** The numbers of a node's operands. */
  numbers(place, data) {
    return this.steps[place][1].map((each) => (Array.isArray(each) ? each.map((one) => data[one]) : data[each]));
  }

  partials(place, data) {
    return this.steps[place][0].partials(data[place], ...this.numbers(place, data));
  }

  /** The gradient of the last node by every node, with every partial and every share. */
  backward(data) {
    const size = this.edges.length;
    const pass = {
      data, grads: new Float64Array(data.length), partials: new Float64Array(size),
      contributions: new Float64Array(size), taken: new Uint8Array(size).fill(1),
    };
    const reached = new Uint8Array(data.length);
    const last = data.length - 1;
    pass.grads[last] = reached[last] = 1;
    for (let head = last; head >= 0; head -= 1) {
      if (this.steps[head] === null) continue;
      const [row] = this.steps[head];
      const partials = this.partials(head, data);
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
