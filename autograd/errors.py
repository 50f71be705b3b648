"""What can go wrong, each as a subclass of the built-in error that fits."""

from __future__ import annotations


class GraphError(RuntimeError):
    """A recorded graph cannot be used this way: it is stale, or the node asked for is not in it."""


class GraphTooLargeError(GraphError, ValueError):
    """A graph has more nodes than fit the page; the message says how many, and how to collapse it."""


class AnomalyError(FloatingPointError):
    """Under `detect_anomaly`: the first value or gradient that is not finite, and where it arose."""


class GradcheckError(AssertionError):
    """A derivative does not agree with the values of the function; the message has the table.

    Attributes
    ----------
    report : the `GradcheckReport` with every derivative that was checked.
    """

    def __init__(self, message: str, report: object = None) -> None:
        super().__init__(message)
        self.report = report


class MissingExtraError(ImportError):
    """An optional library is missing; the message names the extra and the command that installs it."""

    def __init__(self, what: str, library: str, extra: str, otherwise: str = "") -> None:
        super().__init__(
            f"{what} needs {library}, which is not installed: "
            f'run  pip install "scalar-autograd[{extra}]"{otherwise}'
        )
