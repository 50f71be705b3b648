"""`explore`: a page that steps through a recorded graph, explains it and trains it.

Each module imports only from those before it:

- `script`: the page's modules as one script.
- `widget`: the page in a notebook, which sends the reader's numbers to Python.
- `columns`: columns of numbers, each kept once, as bytes for the page.
- `runs`: trainings, as the parameters of each epoch.
- `plane`: two features as a plane, with the decision at each point.
- `labels`: a name for every node, and formulas with places for numbers.
- `programs`: the forms of rows in a program, with this library and with torch.
- `pictures`: the graph as SVG with its scopes open or closed, and the network.
- `patterns`: the texts and code of all rows, for a page that records by itself.
- `explore`: `explore`, and `Explorer`, the page.
- `playground`: the page for typed programs.

`web` has the page itself: `page.html`, `page.css` and modules in JavaScript. Its numbers are the engine's
until the reader changes one. Then `sweep.js` recomputes all of them by functions that are generated from the
rules of the table (`autograd.symbolic.row_script`).
"""

from .explore import Explorer, explore
from .plane import Plane
from .playground import playground
from .runs import Run

__all__ = ["Explorer", "Plane", "Run", "explore", "playground"]
