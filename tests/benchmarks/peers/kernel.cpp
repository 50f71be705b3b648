// One training step of 2-16-16-1 by hand: relu, hinge loss on ±1 labels plus l2 Σ w².
//
// A vector holds eight examples. Weights are broadcast; each parameter has an accumulator of eight lanes
// that is added up when the batch is done. The last block is filled up with examples of share 0.

typedef double Lanes __attribute__((vector_size(64)));

constexpr int D = 2, H = 16;

struct Weights {  // as nn.MLP orders them: of each neuron its weights, then its bias
    double first[H][D + 1], second[H][H + 1], third[H + 1];
};

struct Sums {
    Lanes first[H][D + 1], second[H][H + 1], third[H + 1];
};

constexpr int P = sizeof(Weights) / sizeof(double);
static_assert(sizeof(Sums) == P * sizeof(Lanes), "an accumulator for each parameter");

struct Block {
    Lanes x[D], t, share;
};

static inline Lanes broadcast(double w) { return Lanes{} + w; }

static inline double total(Lanes v) {
    double sum = 0.0;
    for (int i = 0; i < 8; i++) sum += v[i];
    return sum;
}

static Lanes block_step(const Weights& w, const Block& example, Sums& g) {
    const Lanes zero{};
    Lanes a[H], b[H], da[H];
    for (int j = 0; j < H; j++) {
        Lanes z = broadcast(w.first[j][D]);
        for (int i = 0; i < D; i++) z += w.first[j][i] * example.x[i];
        a[j] = z > zero ? z : zero;
        da[j] = zero;
    }
    Lanes score = broadcast(w.third[H]);
    for (int j = 0; j < H; j++) {
        Lanes z = broadcast(w.second[j][H]);
        for (int i = 0; i < H; i++) z += w.second[j][i] * a[i];
        b[j] = z > zero ? z : zero;
        score += w.third[j] * b[j];
    }
    const Lanes margin = 1.0 - example.t * score;
    const Lanes ds = margin > zero ? -example.t * example.share : zero;
    for (int j = 0; j < H; j++) {
        g.third[j] += ds * b[j];
        const Lanes dz = b[j] > zero ? ds * w.third[j] : zero;
        for (int i = 0; i < H; i++) {
            g.second[j][i] += dz * a[i];
            da[i] += dz * w.second[j][i];
        }
        g.second[j][H] += dz;
    }
    g.third[H] += ds;
    for (int j = 0; j < H; j++) {
        const Lanes dz = a[j] > zero ? da[j] : zero;
        for (int i = 0; i < D; i++) g.first[j][i] += dz * example.x[i];
        g.first[j][D] += dz;
    }
    return margin > zero ? margin * example.share : zero;
}

// So many steps on the same batch; the value in the last of them, before its update.
extern "C" double train(
    double* parameters, const Block* blocks, long count, double rate, double l2, long steps
) {
    alignas(64) static Sums sums;
    Weights& weights = *reinterpret_cast<Weights*>(parameters);
    double value = 0.0;
    for (long step = 0; step < steps; step++) {
        sums = Sums{};
        Lanes loss{};
        for (long k = 0; k < count; k++) loss += block_step(weights, blocks[k], sums);
        double squares = 0.0;
        const Lanes* gradient = reinterpret_cast<const Lanes*>(&sums);
        for (int p = 0; p < P; p++) {
            const double w = parameters[p];
            squares += w * w;
            parameters[p] = w - rate * (total(gradient[p]) + 2.0 * l2 * w);
        }
        value = total(loss) + l2 * squares;
    }
    return value;
}
