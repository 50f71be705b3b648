"""A whole process: the small GPT trained on names, one a step. Arguments: a back end or "eager", steps."""

import itertools
import json
import sys

import numpy as np

backend, steps = sys.argv[1], int(sys.argv[2])

from tests.benchmarks import gpt  # noqa: E402  # what it imports counts

if backend == "eager":
    from autograd import Value

    losses = list(itertools.islice(gpt.training(Value, 1000), steps))
else:
    from autograd import Training
    from tests.benchmarks.names import rates
    from tests.benchmarks.peers.gpt_ours import adam, first_memory, names_of, padded, padded_program

    texts = [gpt.tokens_of(name) for name in itertools.islice(gpt.made_up_names(), steps)]
    names = names_of(max(map(len, texts)), gpt.Sizes())
    flat = np.array(gpt.GPT(float, names.sizes).parameters)
    each = [np.array([i]) for i in range(steps)]
    batch = padded(texts, names.positions)
    training = Training.of(flat, batch, each, rates(0, steps), first_memory(len(flat)), rule=adam)
    padded_program(names, backend).train(training)
    losses = training.values.tolist()
print(json.dumps(losses))
