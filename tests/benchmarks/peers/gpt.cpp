// Training steps of the small GPT by hand: width 16, 4 heads, one layer, 27 tokens; Adam in the same function.
//
// A vector holds eight names of POSITIONS + 1 tokens. An array is [row][position] of vectors, so that a product
// of a matrix with all positions keeps its sums in registers. A gradient has an accumulator of eight lanes for
// each parameter, added up once a batch. Eight numbers at a time, exp is libmvec's.

#include <cmath>
#include <cstring>

#ifndef POSITIONS
#define POSITIONS 8
#endif

constexpr int T = POSITIONS, N = 16, HEADS = 4, SIZE = N / HEADS, HIDDEN = 4 * N, V = 27, BLOCK = 16, LANES = 8;

typedef double Lanes __attribute__((vector_size(8 * LANES)));

#define MATRICES(NUMBER)                                                                                        \
    NUMBER tokens[V][N], places[BLOCK][N], output[V][N], query[N][N], key[N][N], value[N][N], projection[N][N], \
        up[HIDDEN][N], down[N][HIDDEN];

typedef struct { MATRICES(double) } Weights;
typedef struct { MATRICES(Lanes) } Sums;
constexpr int P = sizeof(Weights) / sizeof(double);

typedef Lanes Column[T];  // a row of numbers, one for each position

#define EACH(NAME, FUNCTION)                                                 \
    static inline Lanes NAME(Lanes x) {                                      \
        alignas(64) double numbers[LANES];                                   \
        memcpy(numbers, &x, sizeof x);                                       \
        for (int i = 0; i < LANES; i++) numbers[i] = FUNCTION(numbers[i]);   \
        memcpy(&x, numbers, sizeof x);                                       \
        return x;                                                            \
    }
EACH(each_exp, exp)
EACH(each_log, log)
EACH(each_root, sqrt)

static inline Lanes larger(Lanes a, Lanes b) { return a > b ? a : b; }

// y = w x at every position, on top of what is there if it is to be kept.
static inline void product(int rows, int columns, const double *w, const Column *x, Column *y, int kept) {
    for (int r = 0; r < rows; r++) {
        Lanes sum[T];
        for (int t = 0; t < T; t++) sum[t] = kept ? y[r][t] : Lanes{};
        for (int c = 0; c < columns; c++)
            for (int t = 0; t < T; t++) sum[t] += w[r * columns + c] * x[c][t];
        for (int t = 0; t < T; t++) y[r][t] = sum[t];
    }
}

// The adjoint of x in that, on top of what is there, and that of w.
static inline void product_back(int rows, int columns, const double *w, const Column *x, const Column *dy, Column *dx,
                                Lanes *dw) {
    for (int c = 0; c < columns; c++) {
        Lanes sum[T];
        for (int t = 0; t < T; t++) sum[t] = dx[c][t];
        for (int r = 0; r < rows; r++)
            for (int t = 0; t < T; t++) sum[t] += w[r * columns + c] * dy[r][t];
        for (int t = 0; t < T; t++) dx[c][t] = sum[t];
    }
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            Lanes sum = dw[r * columns + c];
            for (int t = 0; t < T; t++) sum += dy[r][t] * x[c][t];
            dw[r * columns + c] = sum;
        }
}

static inline void norm(const Column *x, Column *y, Lanes *scale) {
    for (int t = 0; t < T; t++) {
        Lanes sum = Lanes{};
        for (int i = 0; i < N; i++) sum += x[i][t] * x[i][t];
        scale[t] = 1.0 / each_root(sum / double(N) + 1e-5);
        for (int i = 0; i < N; i++) y[i][t] = x[i][t] * scale[t];
    }
}

// On top of what is there.
static inline void norm_back(const Column *x, const Lanes *scale, const Column *dy, Column *dx) {
    for (int t = 0; t < T; t++) {
        Lanes sum = Lanes{};
        for (int i = 0; i < N; i++) sum += dy[i][t] * x[i][t];
        sum *= scale[t] * scale[t] * scale[t] / double(N);
        for (int i = 0; i < N; i++) dx[i][t] += dy[i][t] * scale[t] - x[i][t] * sum;
    }
}

static void attend(const Column *q, const Column *k, const Column *v, Lanes (*a)[T][T], Column *found) {
    for (int h = 0; h < HEADS; h++)
        for (int t = 0; t < T; t++) {
            Lanes highest, total = Lanes{};
            for (int s = 0; s <= t; s++) {
                Lanes score = Lanes{};
                for (int i = h * SIZE; i < (h + 1) * SIZE; i++) score += q[i][t] * k[i][s];
                a[h][t][s] = score *= 0.5;  // by the root of a head's size
                highest = s ? larger(highest, score) : score;
            }
            for (int s = 0; s <= t; s++) total += a[h][t][s] = each_exp(a[h][t][s] - highest);
            total = 1.0 / total;
            for (int s = 0; s <= t; s++) a[h][t][s] *= total;
            for (int i = h * SIZE; i < (h + 1) * SIZE; i++) {
                Lanes sum = Lanes{};
                for (int s = 0; s <= t; s++) sum += a[h][t][s] * v[i][s];
                found[i][t] = sum;
            }
        }
}

static void attend_back(const Column *q, const Column *k, const Column *v, Lanes (*a)[T][T], const Column *dfound,
                        Column *dq, Column *dk, Column *dv) {
    for (int h = 0; h < HEADS; h++)
        for (int t = 0; t < T; t++) {
            Lanes da[T], total = Lanes{};
            for (int s = 0; s <= t; s++) {
                Lanes sum = Lanes{};
                for (int i = h * SIZE; i < (h + 1) * SIZE; i++) {
                    sum += dfound[i][t] * v[i][s];
                    dv[i][s] += dfound[i][t] * a[h][t][s];
                }
                da[s] = sum;
                total += sum * a[h][t][s];
            }
            for (int s = 0; s <= t; s++) {
                Lanes ds = 0.5 * a[h][t][s] * (da[s] - total);
                for (int i = h * SIZE; i < (h + 1) * SIZE; i++) {
                    dq[i][t] += ds * k[i][s];
                    dk[i][s] += ds * q[i][t];
                }
            }
        }
}

// The sum of the losses of eight names, and their gradient, each loss with this share.
static Lanes eight(const Weights *w, const int *text, double share, Sums *g) {
    static thread_local Column x0[N], x1[N], n1[N], q[N], k[N], v[N], found[N], x2[N], n2[N], u[HIDDEN], x3[N], z[V];
    static thread_local Column dx[N], dn[N], dq[N], dk[N], dv[N], dfound[N], du[HIDDEN], d0[N];
    static thread_local Lanes a[HEADS][T][T];
    Lanes s0[T], s1[T], s2[T], loss = Lanes{};
    const Lanes zero = Lanes{};
    for (int t = 0; t < T; t++)
        for (int i = 0; i < N; i++)
            for (int e = 0; e < LANES; e++) x0[i][t][e] = w->tokens[text[e * (T + 1) + t]][i] + w->places[t][i];
    norm(x0, x1, s0);
    norm(x1, n1, s1);
    product(N, N, *w->query, n1, q, 0);
    product(N, N, *w->key, n1, k, 0);
    product(N, N, *w->value, n1, v, 0);
    attend(q, k, v, a, found);
    memcpy(x2, x1, sizeof x2);
    product(N, N, *w->projection, found, x2, 1);
    norm(x2, n2, s2);
    product(HIDDEN, N, *w->up, n2, u, 0);
    for (int i = 0; i < HIDDEN; i++)
        for (int t = 0; t < T; t++) u[i][t] = larger(u[i][t], zero);
    memcpy(x3, x2, sizeof x3);
    product(N, HIDDEN, *w->down, u, x3, 1);
    product(V, N, *w->output, x3, z, 0);
    for (int t = 0; t < T; t++) {
        Lanes highest = z[0][t], total = {}, right;
        for (int i = 1; i < V; i++) highest = larger(highest, z[i][t]);
        for (int e = 0; e < LANES; e++) right[e] = z[text[e * (T + 1) + t + 1]][t][e];
        loss -= right - highest;
        for (int i = 0; i < V; i++) total += z[i][t] = each_exp(z[i][t] - highest);
        loss += each_log(total);
        total = share / total;
        for (int i = 0; i < V; i++) z[i][t] *= total;
        for (int e = 0; e < LANES; e++) z[text[e * (T + 1) + t + 1]][t][e] -= share;
    }
    memset(dx, 0, sizeof dx);
    product_back(V, N, *w->output, x3, z, dx, *g->output);
    memset(du, 0, sizeof du);
    product_back(N, HIDDEN, *w->down, u, dx, du, *g->down);
    for (int i = 0; i < HIDDEN; i++)
        for (int t = 0; t < T; t++) du[i][t] = u[i][t] > zero ? du[i][t] : zero;
    memset(dn, 0, sizeof dn);
    product_back(HIDDEN, N, *w->up, n2, du, dn, *g->up);
    norm_back(x2, s2, dn, dx);
    memset(dfound, 0, sizeof dfound);
    product_back(N, N, *w->projection, found, dx, dfound, *g->projection);
    memset(dq, 0, sizeof dq);
    memset(dk, 0, sizeof dk);
    memset(dv, 0, sizeof dv);
    attend_back(q, k, v, a, dfound, dq, dk, dv);
    memset(dn, 0, sizeof dn);
    product_back(N, N, *w->query, n1, dq, dn, *g->query);
    product_back(N, N, *w->key, n1, dk, dn, *g->key);
    product_back(N, N, *w->value, n1, dv, dn, *g->value);
    norm_back(x1, s1, dn, dx);
    memset(d0, 0, sizeof d0);
    norm_back(x0, s0, dx, d0);
    for (int t = 0; t < T; t++)
        for (int i = 0; i < N; i++) {
            g->places[t][i] += d0[i][t];
            for (int e = 0; e < LANES; e++) g->tokens[text[e * (T + 1) + t]][i][e] += d0[i][t][e];
        }
    return loss;
}

// The mean loss of names (8 · blocks, T + 1) and its gradient.
extern "C" double value_and_gradient(const double *weights, const int *texts, long blocks, double *gradient) {
    static thread_local Sums g;
    memset(&g, 0, sizeof g);
    Lanes sums = Lanes{};
    double share = 1.0 / (blocks * LANES * T), total = 0.0;
    for (long b = 0; b < blocks; b++)
        sums += eight((const Weights *)weights, texts + b * LANES * (T + 1), share, &g);
    for (int p = 0; p < P; p++) {
        Lanes each = ((const Lanes *)&g)[p];
        double sum = 0.0;
        for (int e = 0; e < LANES; e++) sum += each[e];
        gradient[p] = sum;
    }
    for (int e = 0; e < LANES; e++) total += sums[e];
    return share * total;
}

// So many steps of Adam, the first being step `taken`; the rate falls linearly to 0 at step 1000.
extern "C" double train(double *weights, double *first, double *second, const int *texts, long blocks, long taken, long steps) {
    static thread_local double gradient[P];
    double loss = 0.0;
    for (long step = taken; step < taken + steps; step++) {
        loss = value_and_gradient(weights, texts, blocks, gradient);
        double rate = 0.01 * (1.0 - step / 1000.0) / (1.0 - pow(0.85, step + 1)), rest = 1.0 / (1.0 - pow(0.99, step + 1));
        for (int p = 0; p < P; p++) {
            first[p] = 0.85 * first[p] + 0.15 * gradient[p];
            second[p] = 0.99 * second[p] + 0.01 * gradient[p] * gradient[p];
            weights[p] -= rate * first[p] / (sqrt(second[p] * rest) + 1e-8);
        }
    }
    return loss;
}
