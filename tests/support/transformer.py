"""A transformer in numpy, from the formulas in the papers: an oracle for nn's, with gradients too.

Every function takes arrays that may be complex, and then gives the derivative along the imaginary part: with
a step of 1e-30 it is right to the last digits (Squire and Trapp 1998), and nothing is differentiated by hand.
"""

import numpy as np

STEP = 1e-30


def softmax(z):
    powers = np.exp(z - z.real.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def relu(z):
    return z * (z.real > 0)


def silu(z):
    return z / (1 + np.exp(-z))


def gelu_tanh(z):
    return 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))


ACTIVATIONS = {"relu": relu, "gelu_tanh": gelu_tanh}


def rms_norm(x, eps, gain=1.0):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * gain


def layer_norm(x, eps, gain=1.0, bias=0.0):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(-1, keepdims=True) + eps) * gain + bias


def rotated(x, base):
    """RoFormer's rotation, by complex numbers where x is real: (a + ib) e^(i t base^(-2j/d)) of each pair."""
    T, d = x.shape
    angles = np.arange(T)[:, None] * base ** (-np.arange(0, d, 2) / d)
    a, b = x[:, ::2], x[:, 1::2]
    turned = np.empty_like(x)
    turned[:, ::2] = a * np.cos(angles) - b * np.sin(angles)
    turned[:, 1::2] = a * np.sin(angles) + b * np.cos(angles)
    return turned


def linear(x, W, place):
    bias = W.get(f"{place}.bias")
    return x @ W[f"{place}.weight"].T + (0.0 if bias is None else bias)


def attention(x, W, place, n_head, rotary=False, base=10000.0):
    q, k, v = (linear(x, W, f"{place}.{part}") for part in ("query", "key", "value"))
    T, n = x.shape
    d = n // n_head
    heads = []
    for head in (slice(i, i + d) for i in range(0, n, d)):
        turned = [rotated(each[:, head], base) if rotary else each[:, head] for each in (q, k)]
        scores = turned[0] @ turned[1].T / np.sqrt(d)
        scores = np.where(np.tril(np.ones((T, T), bool)), scores, -1e300)
        heads.append(softmax(scores) @ v[:, head])
    return linear(np.concatenate(heads, -1), W, f"{place}.projection")


def feed_forward(x, W, place, activation):
    if f"{place}.gate.weight" in W:
        return linear(silu(linear(x, W, f"{place}.gate")) * linear(x, W, f"{place}.up"), W, f"{place}.down")
    return linear(ACTIVATIONS[activation](linear(x, W, f"{place}.up")), W, f"{place}.down")


def mixture(x, W, place, activation, n_expert, top_k, normalize):
    z = linear(x, W, f"{place}.router")
    p = softmax(z)
    order = np.argsort(-z.real, axis=-1, kind="stable")[:, :top_k]
    gates = np.zeros_like(p)
    for t, chosen in enumerate(order):
        gates[t, chosen] = p[t, chosen] / (p[t, chosen].sum() if normalize else 1.0)
    outputs = [feed_forward(x, W, f"{place}.expert{i}", activation) for i in range(n_expert)]
    return sum(gates[:, [i]] * outputs[i] for i in range(n_expert))


def norm(x, W, place, kind, eps):
    gain = W.get(f"{place}.weight", 1.0)
    return rms_norm(x, eps, gain) if kind == "rms" else layer_norm(x, eps, gain, W.get(f"{place}.bias", 0.0))


def gpt(tokens, W, model):
    """The scores (T, V) for arrays by name, W, of a model with these settings."""
    settings = model._settings()
    kind, eps, heads = settings["norm"], settings["eps"], settings["n_head"]
    activation = getattr(settings["activation"], "name", settings["activation"])
    x = W["token_embedding.weight"][list(tokens)]
    if "position_embedding.weight" in W:
        x = x + W["position_embedding.weight"][: len(tokens)]
    if settings["embedding_norm"]:
        x = norm(x, W, "embedding_norm", kind, eps)
    for i in range(settings["n_layer"]):
        place = f"block{i}"
        normed = norm(x, W, f"{place}.norm1", kind, eps)
        x = x + attention(normed, W, f"{place}.attention", heads, settings["rotary"])
        normed = norm(x, W, f"{place}.norm2", kind, eps)
        if settings.get("n_expert"):
            top = settings["top_k"]
            x = x + mixture(
                normed, W, f"{place}.feed_forward", activation, settings["n_expert"], top, top > 1
            )
        else:
            x = x + feed_forward(normed, W, f"{place}.feed_forward", activation)
    if settings["final_norm"]:
        x = norm(x, W, "final_norm", kind, eps)
    return x @ W["token_embedding.weight" if settings["tied"] else "output.weight"].T


def gpt_loss(tokens, W, model):
    z = gpt(tokens[:-1], W, model)
    highest = z.real.max(-1, keepdims=True)
    logs = np.log(np.exp(z - highest).sum(-1)) + highest[:, 0]
    return (logs - z[np.arange(len(z)), list(tokens[1:])]).mean()


def arrays_of(model):
    """The parameters of a model as arrays by name, by the names that `named_parameters` gives them."""
    found = {}
    for name, parameter in model.named_parameters():
        stem, *place = name.rsplit(".", 1)
        place = place[0] if place else stem
        stem = f"{stem}." if "." in name else ""
        attribute = place.rstrip("0123456789_")
        index = tuple(map(int, place.removeprefix(attribute).split("_")))
        found.setdefault(stem + attribute, {})[index] = parameter.data
    arrays = {}
    for name, numbers in found.items():
        arrays[name] = np.zeros(np.max(list(numbers), 0) + 1)
        for place, number in numbers.items():
            arrays[name][place] = number
    return arrays


def gradients(function, arrays):
    """The gradient of function(arrays) by each number, in the order of the arrays: by complex steps."""
    found = []
    for name, array in arrays.items():
        for place in np.ndindex(array.shape):
            stepped = array.astype(complex)
            stepped[place] += 1j * STEP
            found.append(function(arrays | {name: stepped}).imag / STEP)
    return np.array(found)
