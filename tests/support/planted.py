"""Networks by hand in numpy, and random slips in their backward passes, made on the text of the program."""

import ast
import copy

import numpy as np

ASSIGNMENT = """
def by_hand(x, t, V, W):
    h = V @ x
    a = 1 / (1 + np.exp(-h))
    o = W @ a
    y = 1 / (1 + np.exp(-o))
    loss = 0.5 * np.sum((t - y) ** 2)
    # backward
    dy = y - t
    do = dy * y * (1 - y)
    dW = np.outer(do, a)
    da = W.T @ do
    dh = da * a * (1 - a)
    dV = np.outer(dh, x)
    return {"loss": loss, "W": dW, "V": dV}
"""

CLASSIFIER = """
def by_hand(X, T, W1, b1, W2, b2):
    N = len(X)
    z = X @ W1 + b1
    h = np.tanh(z)
    s = h @ W2 + b2
    e = np.exp(s)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.sum(T * np.log(p)) / N
    # backward
    ds = (p - T) / N
    dW2 = h.T @ ds
    db2 = ds.sum(axis=0)
    dh = ds @ W2.T
    dz = dh * (1 - h ** 2)
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
    return {"loss": loss, "W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
"""

XOR = """
def by_hand(X, t, W1, b1, w2, b2, m1, m2):
    z = X @ W1 + b1
    h = 1 / (1 + np.exp(-z))
    o = h @ w2 + b2
    y = 1 / (1 + np.exp(-o))
    loss = np.mean((y - t) ** 2)
    # backward
    dy = 2 * (y - t) / len(t)
    do = dy * y * (1 - y)
    dw2 = h.T @ do
    db2 = do.sum()
    dh = np.outer(do, w2)
    dz = dh * h * (1 - h)
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
    return {"loss": loss, "W1": dW1, "b1": db1, "w2": dw2, "b2": db2}
"""


def assignment(x, t, V, W):
    h = V @ x
    a = 1 / (1 + np.exp(-h))
    o = W @ a
    y = 1 / (1 + np.exp(-o))
    loss = 0.5 * np.sum((t - y) ** 2)
    return locals()


def classifier(X, T, W1, b1, W2, b2):
    z = X @ W1 + b1
    h = np.tanh(z)
    s = h @ W2 + b2
    e = np.exp(s)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.sum(T * np.log(p)) / len(X)
    return locals()


def xor(X, t, W1, b1, w2, b2, m1, m2):
    z = X @ W1 + b1
    h = 1 / (1 + np.exp(-z))
    o = h @ w2 + b2
    y = 1 / (1 + np.exp(-o))
    loss = np.mean((y - t) ** 2)
    return locals()


def _assignment_inputs(chance):
    return {"x": chance.normal(size=2), "t": chance.random(2), "V": chance.normal(size=(2, 2)),
            "W": chance.normal(size=(2, 2))}  # fmt: skip


def _classifier_inputs(chance):
    T = np.eye(2)[chance.integers(0, 2, 5)]
    return {"X": chance.normal(size=(5, 3)), "T": T,
            "W1": chance.normal(size=(3, 4)), "b1": chance.normal(size=4),
            "W2": chance.normal(size=(4, 2)), "b2": chance.normal(size=2)}  # fmt: skip


def _xor_inputs(chance):
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]) + 0.1 * chance.normal(size=(4, 2))
    return {"X": X, "t": np.array([0.0, 1.0, 1.0, 0.0]), "W1": chance.normal(size=(2, 2)),
            "b1": chance.normal(size=2), "w2": chance.normal(size=2), "b2": float(chance.normal()),
            "m1": chance.normal(size=(2, 2)), "m2": chance.normal(size=2)}  # fmt: skip


NETWORKS = {
    "assignment": (ASSIGNMENT, assignment, _assignment_inputs),
    "classifier": (CLASSIFIER, classifier, _classifier_inputs),
    "xor": (XOR, xor, _xor_inputs),
}


class _Sites(ast.NodeVisitor):
    """The ways in which an expression may go wrong."""

    def __init__(self, shapes):
        self.shapes, self.found = shapes, []

    def generic_visit(self, node):
        """Its parts have ways of their own."""

    def visit_BinOp(self, node):
        if isinstance(node.op, ast.Mult):
            self.found += [lambda: node.left, lambda: node.right, lambda: _op(node, ast.Add())]
        elif isinstance(node.op, ast.Div):
            self.found += [lambda: node.left, lambda: _op(_op(node, ast.Div()), ast.Div(), right=node.right)]
        elif isinstance(node.op, (ast.Add, ast.Sub)):
            other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
            self.found += [lambda: node.left, lambda: node.right, lambda: _op(node, other)]
        elif isinstance(node.op, ast.Pow):
            self.found += [lambda: node.left]

    def visit_Attribute(self, node):
        if node.attr == "T":
            self.found.append(lambda: node.value)

    def visit_Name(self, node):
        shape = self.shapes.get(node.id)
        for other, its in self.shapes.items():
            if other != node.id and its == shape and shape is not None:
                self.found.append(lambda other=other: ast.Name(other, ast.Load()))

    def visit_Call(self, node):
        for keyword in node.keywords:
            if keyword.arg == "axis":
                axis = 1 - keyword.value.value
                self.found.append(lambda axis=axis: _axis(node, axis))
        if isinstance(node.func, ast.Attribute) and node.func.attr == "sum":
            self.found.append(lambda: _method(node, "mean"))
            self.found.append(lambda: ast.Subscript(node.func.value, ast.Constant(-1), ast.Load()))
        if isinstance(node.func, ast.Attribute) and node.func.attr == "outer":
            self.found.append(lambda: ast.Call(node.func, node.args[::-1], []))


def _op(node, op, right=None):
    return ast.BinOp(node if right is not None else node.left, op, right if right is not None else node.right)


def _axis(node, axis):
    return ast.Call(node.func, node.args, [ast.keyword("axis", ast.Constant(axis))])


def _method(node, name):
    return ast.Call(ast.Attribute(node.func.value, name, ast.Load()), node.args, node.keywords)


class _Swap(ast.NodeTransformer):
    def __init__(self, target, new):
        self.target, self.new = target, new

    def generic_visit(self, node):
        return self.new if node is self.target else super().generic_visit(node)


def compiled(tree):
    space = {"np": np}
    exec(compile(ast.fix_missing_locations(tree), "<planted>", "exec"), space)
    return space["by_hand"]


def whole(text):
    return compiled(ast.parse(text))


def planted(network, seed):
    """A program with one slip in its backward pass: the line, the function, the inputs, what is wrong.

    Programs that do not run, or whose numbers are right after all, are drawn again.
    """
    text, _, make = NETWORKS[network]
    chance = np.random.default_rng(seed)
    inputs = make(chance)
    start = text[: text.index("# backward")].count("\n") + 1
    right = compiled(ast.parse(text))(**inputs)
    kept = ast.parse(text.replace("return {", "return locals() or {"))
    shapes = {name: np.shape(each) for name, each in compiled(kept)(**inputs).items() if np.ndim(each)}
    while True:
        tree = ast.parse(text)
        lines = [line for line in tree.body[0].body if isinstance(line, ast.Assign) and line.lineno > start]
        line = lines[chance.integers(len(lines))]
        known = {name: shape for name, shape in shapes.items() if _defined_before(tree, name, line)}
        choices = []
        for node in ast.walk(line.value):
            choices += [(node, each) for each in _sites(node, known)]
        choices.append((line.value, lambda line=line: ast.UnaryOp(ast.USub(), line.value)))
        node, change = choices[chance.integers(len(choices))]
        line.value = _Swap(node, copy.deepcopy(change())).visit(line.value)
        words = ast.unparse(line)
        try:
            with np.errstate(all="ignore"):
                function = compiled(tree)
                wrong = function(**inputs)
        except (ValueError, TypeError, NameError, UnboundLocalError, IndexError, AttributeError):
            continue
        names = [name for name in right if np.shape(wrong[name]) != np.shape(right[name])
                 or not np.allclose(wrong[name], right[name], rtol=1e-5, atol=1e-8)]  # fmt: skip
        if names and all(np.isfinite(wrong[name]).all() for name in names):
            return words, function, inputs, names


def _sites(node, known):
    """What may go wrong in a node itself, not in its parts."""
    sites = _Sites(known)
    sites.visit(node)
    return sites.found


def _defined_before(tree, name, line):
    function = tree.body[0]
    if name in {each.arg for each in function.args.args}:
        return True
    return any(
        isinstance(each, ast.Assign) and each.lineno < line.lineno and each.targets[0].id == name
        for each in function.body
    )
