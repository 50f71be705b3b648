"""A whole process, with this engine: 100 steps of the moons' network. Arguments: the data, a back end."""

import sys

import numpy as np

from autograd import Value, compile, dot
from nn import MLP, hinge_loss

given = np.load(sys.argv[1])
model = MLP(2, [16, 16, 1])
parameters = model.parameters()
x, y, t = Value(0.0, "x"), Value(0.0, "y"), Value(1.0, "t")
loss = hinge_loss(model([x, y]), t) + 1e-4 * dot(parameters, parameters)
program = compile(loss, parameters, inputs=[x, y, t], backend=sys.argv[2])

weights = np.concatenate([np.c_[given[f"w{k}"], given[f"b{k}"]].ravel() for k in range(3)])
values = program.descend(weights, np.c_[given["x"], given["t"]], 0.05, 100)
print(repr(float(values[-1])))
