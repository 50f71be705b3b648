/* Steps of gradient descent by torch's definitions: (gradient, memory, rate) => [the decrease of each parameter, the
   next memory]. */

const OPTIMIZERS = {
  "SGD": (gradient, memory, rate) => [gradient.map((each) => rate * each), memory],

  /** v ← 0.9 v + g. */
  "SGD, momentum 0.9": (gradient, memory, rate) => {
    const velocity = memory === null ? gradient : gradient.map((each, place) => 0.9 * memory[place] + each);
    return [velocity.map((each) => rate * each), velocity];
  },

  /** m ← 0.9 m + 0.1 g, s ← 0.999 s + 0.001 g², both with bias correction (Kingma and Ba 2015). */
  "Adam": (gradient, memory, rate) => {
    const { steps, mean, square } = memory ?? { steps: 0, mean: gradient.map(() => 0), square: gradient.map(() => 0) };
    const next = {
      steps: steps + 1,
      mean: gradient.map((each, place) => 0.9 * mean[place] + 0.1 * each),
      square: gradient.map((each, place) => 0.999 * square[place] + 0.001 * each * each),
    };
    const [first, second] = [1 - 0.9 ** next.steps, 1 - 0.999 ** next.steps];
    const taken = next.mean.map((each, place) => (rate * (each / first)) / (Math.sqrt(next.square[place] / second) + 1e-8));
    return [taken, next];
  },
};

export { OPTIMIZERS };
