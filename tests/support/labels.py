"""Labels that somebody means to be more than a name, to be put together at random."""

from hypothesis import strategies as st

PIECES = [
    *"=+-@＝＋\t\r\n\v\0\\\x1b\x7f\x85\u2028\xa0\ufffe,;|'\"` <>&{}[]()$%#_^~*!.:/\ue0001aé😀",
    "\r\n", "\\n", "\\l", "\\N", "&lt;", "&#10;", "_x0041_", "w12", "layer0.neuron1", "x" * 60,
    "<b>", "</script>", "<!--", "<svg/onload=alert(1)>", "<a href=x>",
    "[a](http://b)", "![a](b)", "# ", "$$", "\\end{aligned}",
    "=cmd|'/C calc'!A0", '=HYPERLINK("http://x","a")', "{=1}",
    "http://a", "external:a.xlsx", "internal:Sheet1!A1", "mailto:a@b",
]  # fmt: skip
LABELS = st.lists(st.sampled_from(PIECES), max_size=5).map("".join)
