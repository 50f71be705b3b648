"""The back end that is always there: the array program as Python source with calls of numpy."""
