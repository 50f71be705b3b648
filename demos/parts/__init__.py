"""What the demos share: reading options, writing files, charts, and the page."""
