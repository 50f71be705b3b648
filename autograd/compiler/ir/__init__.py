"""The array program: its nodes, what they compute together, and the adjoint program."""
