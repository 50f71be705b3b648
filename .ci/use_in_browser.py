"""What a page does with the pure wheel; run by pyodide.mjs, which sets WHEEL and ARRAYS."""

import importlib.util
import sys
import types
import zipfile

folder = "/tmp/site"
zipfile.ZipFile(WHEEL).extractall(folder)  # noqa: F821  # set by pyodide.mjs
sys.path.insert(0, folder)

if not ARRAYS:  # noqa: F821  # set by pyodide.mjs

    class Stand(types.ModuleType):
        """In numpy's place: every name is there, and none computes anything."""

        class ndarray:
            pass

        class ufunc:
            pass

        class errstate:
            def __init__(self, **kinds):
                pass

            def __enter__(self):
                pass

            def __exit__(self, *error):
                pass

        float64, bool_, generic, inf, nan = float, bool, float, float("inf"), float("nan")

        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            made = Stand(f"{self.__name__}.{name}")
            setattr(self, name, made)
            return made

        def __call__(self, *operands, **options):
            raise NotImplementedError(f"{self.__name__} computes nothing here")  # a stand-in for numpy

        def __getitem__(self, item):
            return self

        def __or__(self, other):
            return self

        __ror__ = __or__

    sys.modules["numpy"] = sys.modules["numpy.typing"] = Stand("numpy")

if importlib.util.find_spec("graphviz") is None:  # only `.save` and notebooks need it
    sys.modules["graphviz"] = types.ModuleType("graphviz")

import autograd  # noqa: E402  # from the wheel
from autograd import Value, draw, explain, grad  # noqa: E402  # from the wheel

assert autograd.__file__.startswith(folder)
assert not autograd.engine.compiled
w, a, t = Value(0.5, "w"), Value(2.0, "a"), Value(1.0, "t")
y = (w * a).sigmoid()
y.label = "y"
E = 0.5 * (t - y) ** 2
E.label = "E"
E.backward()
assert abs(E.data - 0.03616474406425) < 1e-14
assert abs(w.grad + 0.10575418556853344) < 1e-15
(slope,) = grad(w**3, [w], create_graph=True)
assert grad(slope, [w]) == [3.0]
assert draw(E).source.startswith("digraph")
chain = w
for _ in range(20_000):  # the browser's stack is small, and nothing here is recursive
    chain = chain * 1.0
chain.backward()
if ARRAYS:  # noqa: F821  # set by pyodide.mjs
    import nn

    assert explain(E, w).formula == "(y − t) · y (1 − y) · a"
    assert autograd.explore(E).html
    model = nn.MLP(2, [4, 1], activation="tanh", seed=0)
    history = nn.fit(
        model, [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], loss="mse_loss",
        optimizer=nn.SGD(model.parameters(), lr=0.1), epochs=20, seed=0, backend="numpy", progress=False,
    )  # fmt: skip
    assert history.loss[-1] < history.loss[0]
print(
    f"{sys.platform}, Python {sys.version.split()[0]}:",
    "everything" if ARRAYS else "the engine without numpy",  # noqa: F821  # set by pyodide.mjs
    "works",
)
