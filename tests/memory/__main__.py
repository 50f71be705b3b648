"""How the memory of a process grows when it does the same work again and again: it should not.

``python -m tests.memory`` prints the growth over 2,000 repetitions of each kind of work. ``--repeat N`` sets
their number, ``--only WORD`` chooses kinds, ``--json`` prints bytes for each repetition (see `test_memory`).
"""

import argparse
import copy
import gc
import json
import os
import pickle
import tempfile
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np

from autograd import (
    Value,
    compile,
    draw,
    explain,
    explore,
    grad,
    gradcheck,
    hessian,
    save_workbook,
    sin,
    sum,
    tanh,
)
from autograd.compiler import machine
from nn import MLP, Adam, diagram, fit, load, save

WINDOWS = 4  # a leak grows in each of them, and what is kept for later does not
FOLDER = Path(tempfile.mkdtemp())
X = [[i / 9, 1 - i / 9] for i in range(16)]
T = [0.5] * 16
numbers = count()


def graph(number=0.25):
    w, x = [Value(0.5, "w"), Value(-0.25, "v")], [Value(1.0, "x"), Value(2.0, "t")]
    y = (tanh(w[0] * x[0] + w[1] * number) - x[1]) ** 2
    y.label = "E"
    return y, w, x


def swept():
    w = Value(0.5)
    y = sum([sin(w * i) for i in range(200)])
    y.backward()
    grad(grad(y, [w], create_graph=True)[0], [w])


def compiled(backend, other=False):
    """With `other`, a program that was not there before."""
    program = compile(*graph(1.0 + next(numbers) / 1024 if other else 0.25), backend=backend)
    program([0.5, 0.25], [[1.0, 2.0]] * 9)
    program([0.5, 0.25], [[1.0, 2.0]])
    program.evaluate([0.5, 0.25], [[1.0, 2.0]] * 9)
    program.descend(np.array([0.5, 0.25]), [[1.0, 2.0]] * 9, 0.1, 3)
    return program


def pickled(backend):
    return copy.deepcopy(pickle.loads(pickle.dumps(compiled(backend))))([0.5, 0.25], [[1.0, 2.0]] * 9)


def fitted(backend, **more):
    model = MLP(2, [3, 1], "tanh", seed=1)
    options = {"loss": "mse_loss", "epochs": 2, "batch_size": 4, "seed": 1, "progress": False}
    return fit(model, X, T, optimizer=partial(Adam, lr=0.01), backend=backend, **options, **more)


def saved():
    save(MLP(2, [3, 1], "tanh", seed=1), FOLDER / "model.json")
    load(FOLDER / "model.json")
    fitted("eager").save(FOLDER / "history.json")


def explained():
    y, w, _ = graph()
    derivation = explain(y, w[0])
    return derivation.text, derivation.latex, derivation.markdown


def explored():
    y, w, _ = graph()
    return explore(y, wrt=w, lr=[0.1], epochs=3)


def booked():
    y, w, _ = graph()
    save_workbook(y, w, FOLDER / "book.xlsx", lr=0.1, epochs=3)


KINDS = {
    "record, sweep, second order": swept,
    "hessian": lambda: hessian(lambda x, y: x * x * y, [3.0, 5.0]),
    "gradcheck": lambda: gradcheck(lambda x: x.exp(), [0.5]),
    "compile numpy": lambda: compiled("numpy"),
    "compile llvm": lambda: compiled("llvm"),
    "compile numpy, another each time": lambda: compiled("numpy", other=True),
    "compile llvm, another each time": lambda: compiled("llvm", other=True),
    "pickle and copy numpy": lambda: pickled("numpy"),
    "pickle and copy llvm": lambda: pickled("llvm"),
    "fit eager": lambda: fitted("eager"),
    "fit numpy": lambda: fitted("numpy"),
    "fit llvm": lambda: fitted("llvm"),
    "draw": lambda: draw(graph()[0]).render("svg"),
    "explain": explained,
    "explore": explored,
    "diagram": lambda: diagram(MLP(2, [3, 1], seed=1)).render("svg"),
    "workbook": booked,
    "save and load": saved,
}


def resident():
    """The memory of this process, in bytes, without what waits for the garbage collector."""
    gc.collect()
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def growth(work, repeats):
    """Bytes for each repetition: the least of those of some windows."""
    each = max(1, repeats // WINDOWS)
    for _ in range(each):  # what is kept for later is kept then
        work()
    found = []
    for _ in range(WINDOWS):
        before = resident()
        for _ in range(each):
            work()
        found.append((resident() - before) / each)
    return min(found)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=2000)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    machine.KEPT = 8  # native functions, so that the cache is full from the beginning
    found = {}
    for kind, work in KINDS.items():
        if given.only in kind:
            found[kind] = growth(work, given.repeat)
            if not given.json:
                megabytes = found[kind] * given.repeat / 2**20
                print(f"{kind:36} {megabytes:8.2f} MB for {given.repeat} times", flush=True)
    if given.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
