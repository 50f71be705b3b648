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
    from tests.benchmarks.peers.gpt_ours import adam, first_memory, names_of, program

    texts = [gpt.tokens_of(name) for name in itertools.islice(gpt.made_up_names(), steps)]
    sizes, programs, losses = gpt.Sizes(), {}, []
    flat = np.array(gpt.GPT(float, sizes).parameters)
    memory = first_memory(len(flat))
    taken = 0
    for length, group in itertools.groupby(texts, len):  # names of one length that follow each other
        batch = np.array(list(group), dtype=np.float64)
        if length not in programs:
            programs[length] = program(names_of(length, sizes), backend)
        each = [np.array([i]) for i in range(len(batch))]
        training = Training.of(flat, batch, each, rates(taken, len(batch)), memory, rule=adam)
        programs[length].train(training)
        flat, memory, taken = training.row(0), training.memory, taken + len(batch)
        losses += training.values.tolist()
print(json.dumps(losses))
