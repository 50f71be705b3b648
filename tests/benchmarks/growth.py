"""How the cost of recording and sweeping grows with the graph: per node it should stay what it is."""

import gc
import resource
import time

from autograd import Value


def report(largest: int) -> None:
    print("growth: y = y·x + x, recorded and swept")
    print(f"  {'nodes':>10} {'record µs/node':>15} {'sweep µs/node':>15} {'peak memory MB':>15}")
    nodes = 1000
    while nodes <= largest:
        repeats = max(1, 100_000 // nodes)
        recording = sweeping = 0.0
        for _ in range(repeats):
            gc.collect()
            start = time.perf_counter()
            x = Value(0.5)
            y = x
            for _ in range(nodes // 2):
                y = y * x + x
            recorded = time.perf_counter()
            y.backward()
            swept = time.perf_counter()
            recording += recorded - start
            sweeping += swept - recorded
            del x, y
        scale = 1e6 / (nodes * repeats)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"  {nodes:>10} {recording * scale:15.2f} {sweeping * scale:15.2f} {peak:15.0f}", flush=True)
        nodes *= 10
