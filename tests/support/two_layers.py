"""A two-layer classifier with its backward pass by hand, and the usual slips, each an edit of that text."""

import numpy as np

from autograd import exp, log, relu, softmax

RIGHT = """
def by_hand(X, y, W1, b1, W2, b2, reg):
    N = len(X)
    z1 = X @ W1 + b1
    h1 = np.maximum(0, z1)
    scores = h1 @ W2 + b2
    shifted = scores - scores.max(axis=1, keepdims=True)
    probs = np.exp(shifted)
    probs = probs / probs.sum(axis=1, keepdims=True)
    loss = -np.log(probs[np.arange(N), y]).mean()
    loss = loss + 0.5 * reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
    dscores = probs.copy()
    dscores[np.arange(N), y] -= 1
    dscores /= N
    dW2 = h1.T @ dscores + reg * W2
    db2 = dscores.sum(axis=0)
    dh1 = dscores @ W2.T
    dz1 = dh1 * (z1 > 0)
    dW1 = X.T @ dz1 + reg * W1
    db1 = dz1.sum(axis=0)
    return loss, {"W1": dW1, "b1": db1, "W2": W2_GRADIENT, "b2": db2}
""".replace("W2_GRADIENT", "dW2")

# What is written instead of what, where it is seen, and what kinds of slip name it.
SLIPS = {
    "missing 1/N": ("    dscores /= N\n", "", "W1 b1 W2 b2", "factor path"),
    "divided by N twice": ("dscores /= N\n", "dscores /= N * N\n", "W1 b1 W2 b2", "path factor"),
    "one not subtracted": ("    dscores[np.arange(N), y] -= 1\n", "", "W1 b1 W2 b2", "path gradient term"),
    "sign turned": ("dscores = probs.copy()", "dscores = -probs", "W1 b1 W2 b2", None),
    "all signs turned": ("dscores /= N\n", "dscores /= -N\n", "W1 b1 W2 b2", "path factor"),
    "mask left out": ("dh1 * (z1 > 0)", "dh1", "W1 b1", "derivative"),
    "mask of the gradient": ("dh1 * (z1 > 0)", "dh1 * (dh1 > 0)", "W1 b1", "derivative"),
    "mask of the wrong sign": ("(z1 > 0)", "(z1 < 0)", "W1 b1", "derivative"),
    "activation in place of the mask": ("dh1 * (z1 > 0)", "dh1 * h1", "W1 b1", "derivative"),
    "bias 1 along the wrong axis": ("db1 = dz1.sum(axis=0)", "db1 = dz1.sum(axis=1)", "b1", "axis"),
    "bias 2 along the wrong axis": ("db2 = dscores.sum(axis=0)", "db2 = dscores.sum(axis=1)", "b2", "axis"),
    "bias not summed": ("db1 = dz1.sum(axis=0)", "db1 = dz1", "b1", "axis"),
    "bias averaged": ("db1 = dz1.sum(axis=0)", "db1 = dz1.mean(axis=0)", "b1", "axis path"),
    "bias of the last example": ("db2 = dscores.sum(axis=0)", "db2 = dscores[-1]", "b2", "overwritten axis"),
    "weights transposed": ("dW1 = X.T @ dz1 + reg * W1", "dW1 = dz1.T @ X + reg * W1.T", "W1", "transposed"),
    "pre-activation for activation": ("h1.T @ dscores", "z1.T @ dscores", "W2", "operand"),
    "masked bias gradient": ("db1 = dz1.sum", "db1 = dh1.sum", "b1", "derivative gradient"),
    "unmasked weight gradient": ("X.T @ dz1", "X.T @ dh1", "W1", "gradient derivative"),
    "regularisation missing": ("dz1 + reg * W1", "dz1", "W1", "path term"),
    "regularisation missing in both": ("reg * W", "0 * W", "W1 W2", "path term factor"),
    "regularisation doubled": ("dz1 + reg * W1", "dz1 + 2 * reg * W1", "W1", "path factor"),
    "regularisation halved": ("dz1 + reg * W1", "dz1 + 0.5 * reg * W1", "W1", "path factor term"),
    "regularisation divided by N": ("dscores + reg * W2", "dscores + reg * W2 / N", "W2", "path"),
    "regularisation of the biases": ("dz1.sum(axis=0)", "dz1.sum(axis=0) + reg * b1", "b1", "extra"),
    "overwritten by the regularisation": ("X.T @ dz1 + reg * W1", "reg * W1", "W1", "path overwritten"),
    "updated before used": ("dh1 = dscores @ W2.T", "dh1 = dscores @ (W2 - 0.3 * dW2).T", "W1 b1", "updated"),
    "off-diagonal left out": (
        "    dscores[np.arange(N), y] -= 1\n",
        "    onehot = np.eye(probs.shape[1])[y]\n    dscores = -onehot * (1 - probs)\n",
        "W1 b1 W2 b2", "path diagonal term",
    ),
    "loss summed": ("y]).mean()", "y]).sum()", "loss", "factor"),
    "loss without regularisation": (
        "    loss = loss + 0.5 * reg * (np.sum(W1 * W1) + np.sum(W2 * W2))\n", "", "loss", "term",
    ),
    "loss with all of the regularisation": ("loss + 0.5 * reg", "loss + reg", "loss", "term factor"),
    "bias left out": ("z1 = X @ W1 + b1", "z1 = X @ W1", "loss W1 b1 W2 b2", "term"),
    "softmax along the wrong axis": (
        "probs.sum(axis=1, keepdims=True)", "probs.sum(axis=0)", "loss W1 b1 W2 b2", "axis",
    ),
    "softmax of all examples at once": (
        "probs.sum(axis=1, keepdims=True)", "probs.sum()", "loss W1 b1 W2 b2", "axis",
    ),
    "sigmoid′ after the softmax": ("dscores /= N\n", "dscores *= probs * (1 - probs) / N\n", "W1 b1 W2 b2",
                                   "derivative"),
    "the last example left out": ("dscores.sum(axis=0)", "dscores[:-1].sum(axis=0)", "b2", "term"),
    "the first example left out": ("X.T @ dz1", "X[1:].T @ dz1[1:]", "W1", "term"),
    "bias of all neurons": ("db2 = dscores.sum(axis=0)", "db2 = dscores.sum()", "b2", "axis"),
    "labels off by one": ("dscores[np.arange(N), y] -= 1", "dscores[np.arange(N), y - 1] -= 1", "W1 b1 W2 b2",
                          "labels"),
    "labels of the loss off by one": ("y]).mean()", "y - 1]).mean()", "loss", "labels"),
    "magnitudes in the regularisation": ("dz1 + reg * W1", "dz1 + reg * np.abs(W1)", "W1", "operand"),
    "signs in the regularisation": ("dscores + reg * W2", "dscores + reg * np.sign(W2)", "W2", "operand"),
    "features centred": (
        "z1 = X @ W1 + b1", "X = X - X.mean(axis=0)\n    z1 = X @ W1 + b1", "loss W1 b1 W2 b2", "data",
    ),
    "features centred in one place": ("X.T @ dz1", "(X - X.mean(axis=0)).T @ dz1", "W1", "operand"),
    "linear hidden layer": ("h1 = np.maximum(0, z1)", "h1 = z1", "loss W1 b1 W2 b2", None),
}  # fmt: skip


def student(text, name="by_hand"):
    space = {"np": np}
    exec(text, space)
    return space[name]


def with_slip(name):
    right, wrong, *_ = SLIPS[name]
    assert right in RIGHT
    return student(RIGHT.replace(right, wrong))


def by_numpy(X, y, W1, b1, W2, b2, reg):
    """The loss as the student's own forward pass has it."""
    z1 = X @ W1 + b1
    h1 = np.maximum(0, z1)
    scores = h1 @ W2 + b2
    shifted = scores - scores.max(axis=1, keepdims=True)
    exps = np.exp(shifted)
    probs = exps / exps.sum(axis=1, keepdims=True)
    data_loss = -np.log(probs[np.arange(len(X)), y]).mean()
    loss = data_loss + 0.5 * reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
    return locals()


def by_dot(X, y, W1, b1, W2, b2, reg):
    """With numpy's older names."""
    h1 = np.maximum(X.dot(W1) + b1, 0)
    exps = np.exp(np.dot(h1, W2) + b2)
    probs = exps / np.sum(exps, axis=1, keepdims=True)
    loss = -np.log(probs[range(len(X)), y]).mean()
    return loss + 0.5 * reg * (np.sum(W1**2) + np.sum(W2**2))


def loss_alone(*arguments, **named):
    """The same, without the names of what is between."""
    return by_numpy(*arguments, **named)["loss"]


def by_rows(X, y, W1, b1, W2, b2, reg):
    """By example, with the fused rows of the table."""
    z1 = X @ W1 + b1
    h1 = relu(z1)
    scores = h1 @ W2 + b2
    total = 0.0
    for row, label in zip(scores, y, strict=True):
        total = total - log(softmax(list(row))[label])
    loss = total / len(X) + 0.5 * reg * ((W1**2).sum() + (W2**2).sum())
    return {"loss": loss, "z1": z1, "h1": h1, "scores": scores}


def by_logsumexp(X, y, W1, b1, W2, b2, reg):
    h1 = relu(X @ W1 + b1)
    scores = h1 @ W2 + b2
    data = (np.log(np.sum(exp(scores), axis=1)) - scores[np.arange(len(X)), y]).mean()
    return data + 0.5 * reg * (np.sum(W1 * W1) + np.sum(W2 * W2))


REFERENCES = {each.__name__: each for each in (by_numpy, by_dot, loss_alone, by_rows, by_logsumexp)}


def inputs(seed=0, N=5, D=4, H=6, K=3):
    chance = np.random.default_rng(seed)
    return {
        "X": chance.normal(size=(N, D)), "y": chance.integers(0, K, N), "W1": chance.normal(size=(D, H)),
        "b1": chance.normal(size=H), "W2": chance.normal(size=(H, K)), "b2": chance.normal(size=K),
        "reg": 0.15,
    }  # fmt: skip
