"""A recorded graph as an array program: `capture` reads numbers from it, `vectorize` groups them."""
