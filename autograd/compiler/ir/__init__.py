"""The array program: its nodes, the passes over them, adjoints and tangents, and the schedule."""
