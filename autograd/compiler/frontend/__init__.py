"""From a recorded graph to an array program: `capture` traces it, and `vectorize` groups its nodes."""
