"""Functions of numbers applied along sequences, node by node, as a layer of a network does."""

from autograd import sequence


def along(function, *args):
    """The function of the elements in turn, as one operand; what is no tuple is the same for each of them."""
    (length,) = {len(arg) for arg in args if isinstance(arg, tuple)}
    columns = [arg if isinstance(arg, tuple) else (arg,) * length for arg in args]
    return sequence([function(*each) for each in zip(*columns, strict=True)])


def numbers(nodes):
    return [node.data for node in nodes]
