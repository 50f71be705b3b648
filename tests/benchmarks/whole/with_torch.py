"""A whole process, with torch: 100 steps of the moons' network. Argument: the data's file."""

import sys

import numpy as np
import torch

torch.set_num_threads(1)
given = np.load(sys.argv[1])
x, t = torch.from_numpy(given["x"]), torch.from_numpy(given["t"])
model = torch.nn.Sequential(
    torch.nn.Linear(2, 16), torch.nn.ReLU(), torch.nn.Linear(16, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1)
).double()
with torch.no_grad():
    for k, layer in enumerate(model[::2]):
        layer.weight.copy_(torch.from_numpy(given[f"w{k}"]))
        layer.bias.copy_(torch.from_numpy(given[f"b{k}"]))

parameters = list(model.parameters())
optimizer = torch.optim.SGD(parameters, lr=0.05)
for _ in range(100):
    optimizer.zero_grad()
    loss = torch.relu(1.0 - t * model(x)).mean() + 1e-4 * sum(p.square().sum() for p in parameters)
    loss.backward()
    optimizer.step()
print(repr(loss.item()))
