"""The site. `make docs` builds it into out/docs, runs every example, and takes a warning for an error."""

import os
import sys
from pathlib import Path

from latex2mathml.converter import convert

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
# The kernels that run the pages take this checkout too, whatever else is called `tests`.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")]))

import autograd  # noqa: E402  # from this checkout

project = "scalar-autograd"
author = "The scalar-autograd authors"
copyright = f"2026, {author}"
release = version = autograd.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "numpydoc", "_ext.generated"]
exclude_patterns = ["_ext"]
default_role = "py:obj"  # `Value` in a docstring is a link, where there is something to link to

myst_enable_extensions = ["attrs_block", "colon_fence", "dollarmath"]
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True

autodoc_typehints = "none"  # the docstrings say what each argument is
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

html_theme = "furo"
html_title = f"{project} {release}"
html_static_path: list[str] = []
html_show_sphinx = False
html_show_search_summary = False  # it is fetched, which a page that is opened from its file may not
html_math_renderer = "mathml"


# --- mathematics as MathML, which browsers draw without any script -------------------------------------


def inline_math(writer, node):
    import docutils.nodes

    writer.body.append(convert(node.astext()))
    raise docutils.nodes.SkipNode


def display_math(writer, node):
    import docutils.nodes

    text = node.astext()
    if "\\\\" in text and "\\begin" not in text:
        text = rf"\begin{{aligned}}{text}\end{{aligned}}"
    writer.body.append(f'<p class="math">{convert(text, display="block")}</p>')
    raise docutils.nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (inline_math, None), (display_math, None))
