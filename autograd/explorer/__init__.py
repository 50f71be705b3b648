"""`explore`: a page on which a recorded graph is stepped through, looked at, and watched as it trains.

Each module imports only from those before it:

- `script`: the page's modules as one script.
- `widget`: the page in a notebook, which hands the reader's numbers back.
- `columns`: columns of numbers, each kept once, as bytes for the page.
- `runs`: trainings, as the numbers that the parameters took.
- `plane`: two features as a plane, over which a decision is drawn.
- `labels`: a name for every node, and formulas in which the page fills in numbers.
- `programs`: the graph as a program in Python, here and with torch.
- `pictures`: the graph as SVG with its scopes opened or closed, and the network.
- `patterns`: rows of the table beforehand, for a page that records by itself.
- `explore`: `explore`, which puts them together, and `Explorer`, the page.
- `playground`: the page on which a program is typed.

In `web` is the page itself, `page.html` and `page.css`, and its modules in JavaScript. Its numbers are the
engine's until the reader changes one. Then `sweep.js` computes all of them anew, by functions that are
generated from the rules of the table (`autograd.symbolic.row_script`).
"""

from .explore import Explorer, explore
from .plane import Plane
from .playground import playground
from .runs import Run

__all__ = ["Explorer", "Plane", "Run", "explore", "playground"]
