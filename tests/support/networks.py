"""Two networks beside the assignment, as recorded graphs: loss, trained leaves, predictions."""

import random

from autograd import Value, dot, log, sigmoid, softmax, tanh


def labelled(node, name):
    node.label = name
    return node


def classifier(draw=None, x=(0.5, -0.3, 0.8), t=(1.0, 0.0)):
    """3-4-2, tanh, softmax and cross-entropy; no biases."""
    draw = draw or random.Random(1)
    x = [Value(data, f"x{k}") for k, data in enumerate(x, 1)]
    t = [Value(data, f"t{k}") for k, data in enumerate(t, 1)]
    hidden = [[Value(draw.uniform(-1, 1), f"w{j}{k}") for k in (1, 2, 3)] for j in (1, 2, 3, 4)]
    out = [[Value(draw.uniform(-1, 1), f"u{j}{k}") for k in (1, 2, 3, 4)] for j in (1, 2)]
    sums = [labelled(dot(row, x), f"z{j}") for j, row in enumerate(hidden, 1)]
    h = [labelled(tanh(z), f"h{j}") for j, z in enumerate(sums, 1)]
    p = softmax([labelled(dot(row, h), f"o{j}") for j, row in enumerate(out, 1)])
    p = [labelled(each, f"p{j}") for j, each in enumerate(p, 1)]
    loss = labelled(-(t[0] * log(p[0]) + t[1] * log(p[1])), "L")
    return loss, [w for row in (*hidden, *out) for w in row], p


def xor(draw=None):
    """2-2-1, sigmoid, a bias for each neuron, half the squared error."""
    draw = draw or random.Random(2)
    x, t = [Value(1.0, "x1"), Value(0.0, "x2")], Value(1.0, "t")
    trained, h = [], []
    for j in (1, 2):
        *w, b = (Value(draw.uniform(-1, 1), name) for name in (f"w{j}1", f"w{j}2", f"b{j}"))
        h.append(labelled(sigmoid(labelled(dot(w, x, b), f"z{j}")), f"h{j}"))
        trained += [*w, b]
    *v, c = (Value(draw.uniform(-1, 1), name) for name in ("v1", "v2", "c"))
    y = labelled(sigmoid(labelled(dot(v, h, c), "z")), "y")
    return labelled(0.5 * (t - y) ** 2, "E_total"), [*trained, *v, c], [y]


NETWORKS = {"classifier": classifier, "xor": xor}
