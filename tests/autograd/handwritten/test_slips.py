"""Slips where paths meet again: in a normalisation, a residual connection, the steps of a recurrent net."""

import numpy as np
import pytest

from autograd import check_gradients
from tests.support.planted import whole

NORMALISED = """
def by_hand(x, gamma, beta, dout):
    N = len(x)
    xc = x - x.mean(axis=0)
    std = np.sqrt((xc ** 2).mean(axis=0) + 1e-5)
    xhat = xc / std
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    dxhat = dout * gamma
    dstd = -(dxhat * xc).sum(axis=0) / std ** 2
    dvar = 0.5 * dstd / std
    dxc = dxhat / std + 2 * xc * dvar / N
    dmu = -dxc.sum(axis=0)
    return {"x": dxc + dmu / N, "gamma": dgamma, "beta": dbeta}
"""

RESIDUAL = """
def by_hand(x, W, v):
    h = x @ W
    g = np.tanh(h)
    dh = v.copy()
    dh += v * g
    dh += v * h * (1 - g ** 2)
    return {"x": dh @ W.T, "W": x.T @ dh, "v": h + g * h}
"""

RECURRENT = """
def by_hand(x, h0, Wx, Wh, b, t):
    hs = [h0]
    for k in range(len(x)):
        hs.append(np.tanh(x[k] @ Wx + hs[-1] @ Wh + b))
    dh = hs[-1] - t
    dWx, dWh, db = 0 * Wx, 0 * Wh, 0 * b
    for k in reversed(range(len(x))):
        dz = dh * (1 - hs[k + 1] ** 2)
        dWx += np.outer(x[k], dz)
        dWh += np.outer(hs[k], dz)
        db += dz
        dh = dz @ Wh.T
    return {"Wx": dWx, "Wh": dWh, "b": db, "h0": dh}
"""


GELU = """
def by_hand(X, W, v):
    z = X @ W
    u = 0.7978845608 * (z + 0.044715 * z ** 3)
    g = np.tanh(u)
    dh = np.outer(np.ones(len(X)), v)
    dz = dh * (0.5 * (1 + g) + 0.5 * z * (1 - g ** 2) * 0.7978845608 * (1 + 3 * 0.044715 * z ** 2))
    return {"W": X.T @ dz, "v": (0.5 * z * (1 + g)).sum(axis=0)}
"""

BINARY = """
def by_hand(X, t, W, b):
    y = 1 / (1 + np.exp(-(X @ W + b)))
    dz = (y - t) / t.size
    return {"W": X.T @ dz, "b": dz.sum(axis=0)}
"""

ATTENTION = """
def by_hand(q, k, v, G):
    s = q @ k.T * 0.7
    e = np.exp(s - s.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    dp = G @ v.T
    ds = p * (dp - (dp * p).sum(axis=1, keepdims=True))
    return {"q": ds @ k * 0.7, "k": ds.T @ q * 0.7, "v": p.T @ G}
"""

CONVOLUTION = """
def by_hand(x, w, G):
    dx, dw = 0 * x, 0 * w
    for i in range(len(x) - 2):
        dw += G[i] * x[i : i + 3]
        dx[i : i + 3] += G[i] * w
    return {"x": dx, "w": dw}
"""

LABELLED = """
def by_hand(X, T, W, b):
    z = X @ W + b
    e = np.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    dz = (p - T) / len(X)
    return {"W": X.T @ dz, "b": dz.sum(axis=0)}
"""


def gelu(X, W, v):
    z = X @ W
    u = 0.7978845608 * (z + 0.044715 * z**3)
    g = np.tanh(u)
    h = 0.5 * z * (1 + g)
    return (h @ v).sum(), {"z": z, "u": u, "g": g, "h": h}


def binary(X, t, W, b):
    z = X @ W + b
    y = 1 / (1 + np.exp(-z))
    return -np.mean(t * np.log(y) + (1 - t) * np.log(1 - y)), {"z": z, "y": y}


def attention(q, k, v, G):
    s = q @ k.T * 0.7
    e = np.exp(s - s.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return (p @ v * G).sum(), {"s": s, "p": p}


def convolution(x, w, G):
    z = np.stack([x[i : i + 3] for i in range(len(x) - 2)]) @ w
    return (z * G).sum(), {"z": z}


def labelled(X, T, W, b):
    z = X @ W + b
    e = np.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    return -(T * np.log(p)).sum() / len(X), {"z": z, "p": p}


def normalised(x, gamma, beta, dout):
    mu = x.mean(axis=0)
    xc = x - mu
    var = (xc**2).mean(axis=0)
    std = np.sqrt(var + 1e-5)
    xhat = xc / std
    out = gamma * xhat + beta
    loss = (dout * out).sum()
    return locals()


def residual(x, W, v):
    h = x @ W
    g = np.tanh(h)
    y = h + g * h
    return (y * v).sum(), {"h": h, "g": g, "y": y}


def recurrent(x, h0, Wx, Wh, b, t):
    h = h0
    for row in x:
        h = np.tanh(row @ Wx + h @ Wh + b)
    return 0.5 * ((h - t) ** 2).sum()


def drawn(**shapes):
    chance = np.random.default_rng(0)
    return {name: chance.normal(size=shape) for name, shape in shapes.items()}


NETWORKS = {
    "normalised": (NORMALISED, normalised, drawn(x=(5, 3), gamma=3, beta=3, dout=(5, 3))),
    "residual": (RESIDUAL, residual, drawn(x=(4, 2), W=(2, 3), v=(4, 3))),
    "recurrent": (RECURRENT, recurrent, drawn(x=(4, 2), h0=3, Wx=(2, 3), Wh=(3, 3), b=3, t=3)),
    "gelu": (GELU, gelu, drawn(X=(4, 2), W=(2, 3), v=3)),
    "binary": (BINARY, binary, drawn(X=(5, 2), W=(2, 2), b=2) | {"t": np.eye(2)[[0, 1, 1, 0, 0]]}),
    "attention": (ATTENTION, attention, drawn(q=(3, 2), k=(3, 2), v=(3, 2), G=(3, 2))),
    "convolution": (CONVOLUTION, convolution, drawn(x=6, w=3, G=4)),
    "labelled": (LABELLED, labelled, drawn(X=(5, 2), W=(2, 3), b=3) | {"T": np.eye(3)[[0, 2, 1, 1, 0]]}),
}

SLIPS = [
    ("normalised", "dxc + dmu / N", "dxc", "x", "path"),
    ("normalised", "dxc + dmu / N", "dxc + dmu", "x", "factor"),
    ("normalised", " + 2 * xc * dvar / N", "", "x", "path"),
    ("normalised", "2 * xc * dvar / N", "2 * xc * dvar", "x", "factor"),
    ("normalised", "-(dxhat * xc)", "(dxhat * xc)", "x", "path"),
    ("normalised", "dout * gamma", "dout", "x", "factor"),
    ("normalised", "(dout * xhat)", "(dout * xc)", "gamma", "factor operand"),
    ("residual", "dh += v * g\n", "dh = v * g\n", "x W", "path overwritten"),
    ("residual", "dh += v * h", "dh = v * h", "x W", "overwritten path"),
    ("residual", "    dh += v * g\n", "", "x W", "path"),
    ("residual", "v * h * (1", "v * (1", "x W", "factor"),
    pytest.param(
        "recurrent", "dh * (1 - hs[k + 1] ** 2)", "dh", "Wx Wh b h0", "derivative", marks=pytest.mark.slow
    ),
    ("recurrent", "dWh += np.outer(hs[k], dz)", "dWh = np.outer(hs[k], dz)", "Wh", "overwritten"),
    ("recurrent", "np.outer(hs[k], dz)", "np.outer(hs[k + 1], dz)", "Wh", "step"),
    ("recurrent", "np.outer(x[k], dz)", "np.outer(x[k - 1], dz)", "Wx", "operand"),
    pytest.param(
        "recurrent", "hs[k + 1] ** 2", "hs[k] ** 2", "Wx Wh b h0", "step", marks=pytest.mark.slow
    ),
    ("gelu", " * 0.7978845608 * (1 + 3 * 0.044715 * z ** 2)", "", "W", "derivative"),
    ("gelu", " * (1 + 3 * 0.044715 * z ** 2)", "", "W", "path"),
    ("gelu", "0.5 * z * (1 - g ** 2)", "0.5 * (1 - g ** 2)", "W", "factor gradient"),
    ("attention", "ds.T @ q", "ds @ q", "k", "gradient transposed"),
    ("attention", "p.T @ G", "p @ G", "v", "transposed"),
    ("attention", "p * (dp - (dp * p).sum(axis=1, keepdims=True))", "p * (1 - p) * dp", "q k", "diagonal"),
    ("convolution", "+= G[i] * w\n", "= G[i] * w\n", "x", "overwritten"),
    ("convolution", "G[i] * w\n", "G[i] * w[::-1]\n", "x", "operand"),
    ("convolution", "+= G[i] * x[i : i + 3]", "= G[i] * x[i : i + 3]", "w", "overwritten"),
    # σ′ as for a squared error, with the factor of any such error
    ("binary", "(y - t) /", "2 * (y - t) * y * (1 - y) /", "W b", "derivative"),
    ("binary", "(y - t) / t.size", "(y - t) * y * (1 - y) / len(X)", "W b", "derivative"),
    ("binary", "(y - t) / t.size", "(t - y) * y * (1 - y)", "W b", "derivative"),
    ("labelled", "(p - T)", "(p - np.roll(T, 1, axis=1))", "W b", "labels"),
    ("labelled", "X.T @ dz", "(X - X.mean(axis=0)).T @ dz", "W", "operand"),
    ("labelled", "X.T @ dz", "np.abs(X).T @ dz", "W", "operand"),
    pytest.param("recurrent", "dz @ Wh.T", "dz @ Wh", "Wx Wh b h0", "transposed", marks=pytest.mark.slow),
]  # fmt: skip


@pytest.mark.parametrize("network", NETWORKS)
def test_right_passes_are_right(network):
    text, reference, given = NETWORKS[network]
    report = check_gradients(whole(text), reference, given)
    assert report, str(report)


@pytest.mark.parametrize(("network", "right", "wrong", "names", "kinds"), SLIPS)
def test_a_slip_where_paths_meet_is_named(network, right, wrong, names, kinds):
    text, reference, given = NETWORKS[network]
    assert text.count(right) == 1
    report = check_gradients(whole(text.replace(right, wrong)), reference, given)
    assert {name.removeprefix("d") for name in report.wrong} == set(names.split())
    assert {each.kind for each in report.mistakes} <= set(kinds.split()), str(report)


def test_a_slip_that_nobody_knows_is_told_by_its_place():
    text, reference, given = NETWORKS["residual"]
    odd = text.replace("x.T @ dh", "(x.T @ dh) * np.array([1, 1, 1.37])")
    report = check_gradients(whole(odd), reference, given)
    assert report.wrong == ["dW"]
    assert report.mistakes[0].kind == ""
    assert "index 2 of axis 1" in report.mistakes[0].remark


def test_a_program_that_is_planted_is_another_one():
    """The programs that these tests plant slips in run, and each slip changes a number."""
    for network, right, wrong, names, _ in (getattr(each, "values", each) for each in SLIPS):
        text, _, given = NETWORKS[network]
        both = [whole(each)(**given) for each in (text, text.replace(right, wrong))]
        for name in both[0]:
            assert np.allclose(both[0][name], both[1][name]) == (name not in names.split())
