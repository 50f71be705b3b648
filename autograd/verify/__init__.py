"""Derivatives judged by the values of a function alone.

- `finite_differences`: derivatives from values alone, with an estimate of their error.
- `gradcheck`: the derivatives of reverse and forward mode compared with them.
"""

from .gradcheck import Check, GradcheckReport, gradcheck

__all__ = ["Check", "GradcheckReport", "gradcheck"]
