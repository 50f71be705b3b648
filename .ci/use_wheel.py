"""What somebody does who installed a wheel alone: import, train, draw, and meet a missing extra.

python use_wheel.py KIND    of a wheel whose engine is `compiled` or `plain`
"""

import importlib.metadata
import os
import pathlib
import shutil
import subprocess
import sys

import autograd
import nn
from autograd import Value, draw, engine, explain, grad, gradcheck, jacobian, save_workbook
from nn import MLP, SGD, diagram, fit

assert "site-packages" in autograd.__file__, autograd.__file__
assert "site-packages" in nn.__file__, nn.__file__
assert engine.compiled is (sys.argv[1] == "compiled"), engine.__path__
for package in (autograd, nn):
    assert (pathlib.Path(package.__file__).parent / "py.typed").exists(), package
for suffix in ("html", "css", "js"):
    assert (pathlib.Path(autograd.__file__).parent / "explorer" / "web" / f"page.{suffix}").exists(), suffix
assert not {"pygraphviz", "matplotlib", "tqdm", "openpyxl"} & set(sys.modules)

x = Value(3.0, "x")
y = x * x + 2 * x
y.backward()
assert (y.data, x.grad) == (15.0, 8.0)
assert grad(grad(x**3, [x], create_graph=True)[0], [x]) == [18.0]

model = MLP(2, [4, 1], activation="tanh", seed=0)
history = fit(
    model,
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]],
    [0.0, 1.0, 1.0, 0.0],
    loss="mse_loss",
    optimizer=SGD(model.parameters(), lr=0.1),
    epochs=50,
    seed=0,
)
assert history.loss[-1] < history.loss[0]

assert jacobian(lambda a, b: [a * b, a + b], [2.0, 3.0]) == [[3.0, 2.0], [1.0, 1.0]]
assert gradcheck(lambda a: a.tanh(), [0.5])
assert explain(y, x).value == 8.0
assert save_workbook(y, x, "training.csv", epochs=2).read_text(encoding="utf-8").startswith("epoch,x,")
assert draw(y).source.startswith("digraph")
assert diagram(model).source
message = ""
os.environ["PATH"] = ""  # nor may there be a program `dot`
try:
    draw(y).save("graph.svg")
except autograd.MissingExtraError as error:
    message = str(error)
assert "scalar-autograd[render]" in message, message
assert len(autograd.playground().html) > 1_000_000  # which has a Graphviz of its own
message = ""
try:
    save_workbook(y, x, "training.xlsx")
except autograd.MissingExtraError as error:
    message = str(error)
assert "scalar-autograd[xlsx]" in message, message
version = importlib.metadata.version("scalar-autograd")
assert autograd.__version__ == version
for command in (
    [shutil.which("backprop", path=pathlib.Path(sys.executable).parent)],
    [sys.executable, "-m", "autograd"],
):
    done = subprocess.run([*command, "x**2", "x=3"], capture_output=True, check=True)
    assert done.stdout.decode().startswith("f = 9.0"), done
print(f"{sys.argv[1]} wheel {version} works with numpy and graphviz alone")
