"""A small engine as students write it, with closures as in micrograd, and slips as edits of its text."""

RIGHT = """
import math

class Value:
    def __init__(self, data, parents=()):
        self.data, self.grad = data, 0.0
        self._parents, self._backward = parents, lambda: None

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other))
        def _backward():
            self.grad += out.grad
            other.grad += out.grad
        out._backward = _backward
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other))
        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out._backward = _backward
        return out

    def __pow__(self, n):
        out = Value(self.data ** n, (self,))
        def _backward():
            self.grad += n * self.data ** (n - 1) * out.grad
        out._backward = _backward
        return out

    def tanh(self):
        t = math.tanh(self.data)
        out = Value(t, (self,))
        def _backward():
            self.grad += (1 - t ** 2) * out.grad
        out._backward = _backward
        return out

    def exp(self):
        out = Value(math.exp(self.data), (self,))
        def _backward():
            self.grad += out.data * out.grad
        out._backward = _backward
        return out

    def log(self):
        out = Value(math.log(self.data), (self,))
        def _backward():
            self.grad += 1 / self.data * out.grad
        out._backward = _backward
        return out

    def relu(self):
        out = Value(self.data if self.data > 0 else 0.0, (self,))
        def _backward():
            self.grad += (out.data > 0) * out.grad
        out._backward = _backward
        return out

    def sigmoid(self):
        s = 1 / (1 + math.exp(-self.data))
        out = Value(s, (self,))
        def _backward():
            self.grad += s * (1 - s) * out.grad
        out._backward = _backward
        return out

    def gelu(self):
        x = self.data
        cdf = 0.5 * (1 + math.erf(x / math.sqrt(2)))
        out = Value(x * cdf, (self,))
        def _backward():
            pdf = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
            self.grad += (cdf + x * pdf) * out.grad
        out._backward = _backward
        return out

    def mish(self):
        x = self.data
        t = math.tanh(math.log(1 + math.exp(x)))
        out = Value(x * t, (self,))
        def _backward():
            self.grad += (t + x * (1 - t * t) / (1 + math.exp(-x))) * out.grad
        out._backward = _backward
        return out

    def backward(self):
        order, seen = [], set()
        def visit(node):
            if node not in seen:
                seen.add(node)
                for parent in node._parents:
                    visit(parent)
                order.append(node)
        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            node._backward()

    def __neg__(self): return self * -1
    def __sub__(self, other): return self + (-other)
    def __truediv__(self, other): return self * other ** -1
    def __radd__(self, other): return self + other
    def __rmul__(self, other): return self * other
    def __rsub__(self, other): return -self + other
    def __rtruediv__(self, other): return self ** -1 * other
"""

# What is written instead of what, the operation that is named, and the kind of slip.
SLIPS = {
    "gelu: a term of the product rule dropped": ("(cdf + x * pdf)", "cdf", "gelu()", "derivative"),
    "gelu: the derivative of relu": ("(cdf + x * pdf)", "(x > 0)", "gelu()", "derivative"),
    "gelu: the constant 1": ("(cdf + x * pdf)", "1", "gelu()", "derivative"),
    "gelu: the density not normalised": ("(cdf + x * pdf)", "(cdf + x * pdf * math.sqrt(2 * math.pi))",
                                         "gelu()", "derivative"),
    "gelu: sign": ("(cdf + x * pdf)", "(cdf - x * pdf)", "gelu()", "derivative"),
    "tanh: without the square": ("(1 - t ** 2)", "(1 - t)", "tanh()", "derivative"),
    "tanh: of the input": ("(1 - t ** 2)", "(1 - self.data ** 2)", "tanh()", "derivative"),
    "exp: of the input": ("out.data * out.grad", "self.data * out.grad", "exp()", "derivative"),
    "log: of the value": ("1 / self.data", "1 / out.data", "log()", "derivative"),
    "relu: no mask": ("(out.data > 0) * out.grad", "out.grad", "relu()", "derivative"),
    "sigmoid: one factor": ("s * (1 - s)", "s", "sigmoid()", "derivative"),
    "sigmoid: incoming gradient left out": ("s * (1 - s) * out.grad", "s * (1 - s)", "sigmoid()", "factor"),
    "sigmoid: overwritten": ("self.grad += s", "self.grad = s", "sigmoid()", "overwritten"),
    "mul: operands exchanged": (
        "self.grad += other.data * out.grad", "self.grad += self.data * out.grad", "a * b", "derivative"),
    "add: overwritten": ("self.grad += out.grad\n            other",
                         "self.grad = out.grad\n            other",
                         "a + b", "overwritten"),
    "pow: exponent not lowered": ("n * self.data ** (n - 1)", "n * self.data ** n", "a ** 3", None),
    "pow: factor missing": ("n * self.data ** (n - 1)", "self.data ** (n - 1)", "a ** 3", "derivative"),
    "mish: the derivative of relu": (
        "(t + x * (1 - t * t) / (1 + math.exp(-x)))", "(x > 0)", "mish()", "derivative"),
    "add: one operand forgotten": ("self.grad += out.grad\n            other.grad += out.grad",
                                   "self.grad += out.grad", "a + b", "path"),
    "add: incoming gradient left out": ("self.grad += out.grad\n            other.grad += out.grad",
                                        "self.grad += 1.0\n            other.grad += 1.0", "a + b", "factor"),
    "exit": ("out = Value(math.exp(self.data)", "raise SystemExit(1); out = Value(math.exp(self.data)",
             "exp()", "error"),
    "rsub: turned round": ("return -self + other", "return self - other", "2 - a", "value"),
    "mish: a term dropped": ("(t + x * (1", "(x * (1", "mish()", ""),
    "order: not topological": ("for node in reversed(order):", "for node in [self] + order[:-1]:",
                               "shared nodes", None),
    "gelu: value": ("Value(x * cdf", "Value(cdf", "gelu()", "value"),
}  # fmt: skip


def engine(text=RIGHT):
    space = {}
    exec(text, space)
    return space["Value"]


def with_slip(name):
    right, wrong, *_ = SLIPS[name]
    assert RIGHT.count(right) == 1
    return engine(RIGHT.replace(right, wrong))
