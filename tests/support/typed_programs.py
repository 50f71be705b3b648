# ruff: noqa: E501  # lists of short texts, several a line
"""Programs as people type them, for the parser in Python and the one in JavaScript: right ones, wrong ones, hostile ones."""

from hypothesis import strategies as st

RIGHT = [
    "s = 0\nfor i in range(80): s = s + x*i\ns", "x" * 230 + "*x", "s = 0\nfor i in range(2): t = [i,\nx]; s = s + t[1]\ns",     "w = [x, 2, y]\ni = 1\ntake(w, i) + take([1, 2], 0)*x + take([x], 0)",     "for i in range(3): x = i",    "w*x + b", "h = tanh(w*x + b)\nloss = (h - t)**2", "2 + 3", "1/0", "-x**2", "2**-x", "x**y**z", "x // 2 % 3", "+x",
    "where(x > 1, x, -x)", "x < y", "e + pi*x", "pi = 3; pi", "x = 2; x*x", "0x10 + 0b11*1_000 + 1.5e-3 + .5 + 1.",
    "sum(x, 1, 2) + mean([x, y]) + norm(x) + logsumexp([x, 2])", "dot([1, x], [y, 2], b)", "softmax([x, y, 1])[1]",
    "s = 0\nfor i in range(3):\n    s = s + i*x\ns", "s = 0\nfor i in range(1, 7, 2): s = s + x**i; t = s*s\nt",
    "w = [0.1, 0.2]\nsum(w[i]*x for i in range(2))", "W = [[1, 2], [3, x]]\nW[1][-1] + len(W)", "sum([a*a for a in [x, y]]) + a",
    "y = [[i*j*x for j in range(2)] for i in range(3)]\ny[2][1]", "h = x  # a comment; here\n\n\nh*h", "(x\n + y)", "x = [1,\n2]\nx[0]",
    "for i in [x, y]:\n  for j in range(2):\n    z = i*j\nz + z", "a = b", "a = x; a = a*a; a = a + a", "σ(x) + ln(2) + min(x, y)",
    "µ = 1; μ + 1", "leaky_relu(x) + leaky_relu(x, 0.1) + elu(x)", "  x + y", "x\r\n", "é*ж", "__proto__ * constructor", "toString + valueOf*hasOwnProperty",
    "s = sum([])\ns*x", "x > y", "step(x) + sign(y) + floor(x)", "abs(-3)*x", "gelu(x) + gelu_tanh(x)", "k = 2*3; k*x", "[x][0]", "range(3)[1]*x",
    "log_softmax([x, 1])[0]", "for i in range(2):\n\ty = x*i\n\tz = y\nz", "x**2 + x**3 + x**0.5 + x**-1 + x**1.7 + 2**x",
]  # fmt: skip
"""Each records a graph."""

WRONG = [
    "take([x, y], 2)", "take([x], -1)", "take([x, y], 0.5)", "take([], 0)", "take(x, 0)", "take([x])", "take([x, y], y)",    "", " \n ", "#", "(a + b) ^ 2", "x + sinn(x)", "2(x)", "x + y.z", "x[0]", "x if y else z", "1 < x < 2", "x == 1", "sin(x, 1)", "sin([x])",
    "leaky_relu() + x", "sum() + x", "dot(x, x)", "1 + dot([x], [x, x])", "sin(x=1)", "sum(*x)", "x, x", "x; x", "a = b = 1", "x = x + 1", "1 + 2j", "2x",
    "x + True", "'x'", "x @ x", "x and x", "not x", "é*ж ^ 2", "1 +", "1 + lambda*2", "import os", "a = 1\nb + ^", "x y", "f(x", "(x", "[x", "x)", "x]", "x)(", ")",
    "for", "for i", "for i in", "for i in x: i", "for i in range(3):", "for i in range(3):\nx", "for if in range(3): x = 1", "for i in range(2): i*x",
    "if x: y", "x :: y", "x[1.5]", "[1, 2][2]", "[1][y]", "range(y)", "range(1, 2, 0)[0]", "range(2000)", "range()", "len(x)", "len()", "mean([])", "softmax(x)",
    "[x] + 1", "-[x]", "[x]", "sin([[x]])", "sum([[x]])", "[[[[x]]]]", "for i in range(0): y = 1\ny", "for i in range(0): y = 1", "x = [1, 2]\nx", "  x = 1\n y = 2", "x = 1\n  y = 2",
    "for i in range(2):\n    x = 1\n  y = 2", "x = 1 y = 2", "1.2.3", "1__0", "0x", "1e999", "1_", "x $ y", "x ? y", "`x`", "\\", "x\x00y", "\ud800", "{x}", "x := 1", "x: int = 3", "del x",
    "raise", "...", "...x", "x...", "lambda: x", "yield x", "await x", "f'{x}'", "[x for x in x if x]", "[x for x in [1] for y in [2]]", "[1, x for x in [1]]", "sum(1, x for x in [1])",
    "None", "x is y", "x in y", "print(x)", "__import__('os').system('true')", "open(x)", "eval(1)", "constructor(1)", "__proto__(x)", "toString()", "hasOwnProperty(x)", "x.constructor", "x.__class__",
    "().__class__", "x <= y", "x != y", "~x", "!x", "x = 3 = y", "= 3", "3 = x", "x +* y", "*", "**", "x ** ", "max(x)", "max(x, y, z)", "where(x, y)", "x\ty", "\t\x0c", "x\u2028y", "x \u00a0y", "１ + x", "x²", "∂x",
    "pi + x\npi = 3", "sum(i for i in range(3)) + i\ni = 2", "for i in 5: x = 1", "for i in y:\n    x = i\nx",
]  # fmt: skip
"""Each is refused."""

HOSTILE = [
    "(" * 3_900 + "x", "-" * 3_000 + "x", "[" * 150 + "x", "x" + "+x" * 1_900, "x." * 1_000 + "x", "1" * 3_000, "0x" + "f" * 3_000, "x" * 3_999, "(" * 10_000,
    "x**" * 1_000 + "x", "f(" * 1_000, "for i in range(1000): x = 1\n" * 50 + "x", "for i in range(1000):\n  for j in range(1000):\n    x = i*j\nx",
    "a = 2\nfor i in range(1000): a = a*a\na", "a = [1]\nfor i in range(9): a = [a, a]\na[0]", "[" * 59 + "x" + " for x in x]" * 59, "range(1" + "0" * 300 + ")",
    "[0][" + "9" * 300 + "]", "for i in range(1000):\n  a = [j*x for j in range(1000)]\na[0]", "x = 1\n" * 600 + "x", "\n" * 3_000 + "x +", "a = range(1000)\nb = [a for i in range(1000)]\nc = [b for i in range(1000)]\nc[0][0][0]", "#" * 3_999, ";" * 100, "x" + " " * 3_000 + "^ 2",
    "sin(" * 50 + "x" + ")" * 50, "\n".join(" " * n + "for i in range(1):" for n in range(80)) + "\n" + " " * 80 + "x = 1", "a" + "," * 1_000,
]  # fmt: skip
"""Each must come to an end soon, whatever that is."""

_WORDS = st.sampled_from(
    ["x", "y", "w", "i", "1", "2", "0.5", "+", "-", "*", "/", "**", "<", "(", ")", "[", "]", ",", "=", ":", ";", "\n", "\n  ", "for", "in", " ", "range",
     "sin", "sum", "dot", "softmax", "if", "^", ".", "#", "'", "é", "3x", "where", "len", "not"]
)  # fmt: skip
_LETTERS = st.characters(
    exclude_categories=["Cn"]
)  # Python and a browser may know different versions of Unicode
ANY = (
    st.lists(_WORDS, max_size=24).map(" ".join)
    | st.lists(_WORDS, max_size=12).map("".join)
    | st.text(_LETTERS, max_size=20)
)
"""Texts of which few are programs."""

_LEAVES = st.sampled_from(["x", "y", "w[0]", "w[1]", "2", "0.5", "3", "pi", "a"])


def _longer(inner):
    pair, three = st.tuples(inner, inner), st.tuples(inner, inner, inner)
    return st.one_of(
        st.builds(
            "({0[0]} {1} {0[1]})".format, pair, st.sampled_from(["+", "-", "*", "/", "<", ">", "//", "%"])
        ),
        st.builds("-{}".format, inner),
        st.builds("({})**{}".format, inner, st.sampled_from(["2", "3", "-1", "0.5", "y", "1.5"])),
        st.builds(
            "{}({})".format,
            st.sampled_from(
                ["sin", "tanh", "sigmoid", "relu", "exp", "abs", "softplus", "erf", "gelu", "silu"]
            ),
            inner,
        ),
        st.builds("{}({}, {})".format, st.sampled_from(["max", "min", "hypot", "leaky_relu"]), inner, inner),
        st.builds("where({0[0]} > 0, {0[1]}, {0[2]})".format, three),
        st.builds(
            "{}([{}, {}, {}])".format,
            st.sampled_from(["sum", "mean", "norm", "logsumexp"]),
            inner,
            inner,
            inner,
        ),
        st.builds("dot([{0[0]}, {0[1]}], [{0[2]}, x])".format, three),
        st.builds("{}([{}, {}])[0]".format, st.sampled_from(["softmax", "log_softmax"]), inner, inner),
        st.builds("take([{}, {}], 1)".format, inner, inner),
        st.builds("sum({} for a in [x, y, 2])".format, inner),
        st.builds("[{} for a in range(3)][1]".format, inner),
    )


_EXPRESSIONS = st.recursive(_LEAVES, _longer, max_leaves=8)
PROGRAMS = st.builds(
    "a = 0.7; w = [0.3, x]\nh = {}\nfor a in range(3):\n    h = h + ({})\nloss = {}\n".format,
    _EXPRESSIONS, _EXPRESSIONS, _EXPRESSIONS,
)  # fmt: skip
"""Programs with a loop, a list and free names."""
