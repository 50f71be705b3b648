"""`draw`: the recorded graph as a picture, in one visual language.

Each module imports only from those before it:

- `style`: every colour, shape, line and font.
- `text`: pure functions from boxes and arrows to DOT. Nothing there knows about `Value`.
- `view`, `expansion`: what there is to draw: the graph as it is, or with fused nodes opened up.
- `boxes`, `collapse`: what it looks like: every node one by one, or layers, neurons and repeats as a box.
- `rendering`: `Drawing`, and the programs that turn its text into a file or a notebook picture.
- `picture`: `draw`, which leads from the one to the other, and checks its arguments.
"""

from .picture import draw
from .rendering import Drawing
from .style import PALETTE

__all__ = ["PALETTE", "Drawing", "draw"]
