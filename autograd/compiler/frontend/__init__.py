"""From a recorded graph to an array program: `capture` makes a trace of it, `vectorize` groups its nodes."""
