"""`draw`: the recorded graph as a picture.

Each module imports only from those before it:

- `style`: every colour, shape, line and font.
- `text`: pure functions from boxes and arrows to DOT.
- `view`, `expansion`: the graph as recorded, or with fused nodes expanded.
- `boxes`, `collapse`: a box for each node, or for each layer, neuron and repeat.
- `rendering`: `Drawing`, and the programs that render its text.
- `picture`: `draw`.
"""

from .picture import draw
from .rendering import Drawing
from .style import PALETTE

__all__ = ["PALETTE", "Drawing", "draw"]
