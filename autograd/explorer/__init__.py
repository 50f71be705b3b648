"""`explore`: a page on which a recorded graph is stepped through, looked at, and watched as it trains.

Each module imports only from those before it:

- `columns`: columns of numbers, each kept once, as bytes for the page.
- `runs`: trainings, as the numbers that the parameters took.
- `labels`: a name for every node, and formulas in which the page fills in numbers.
- `pictures`: the graph as SVG with its scopes opened or closed, and the network.
- `explore`: `explore`, which puts them together, and `Explorer`, the page.

`web/page.html`, `page.css` and `page.js` are the page itself. It computes nothing but running sums: every
number on it is the engine's.
"""

from .explore import Explorer, explore
from .runs import Run

__all__ = ["Explorer", "Run", "explore"]
