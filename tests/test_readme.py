"""The README's Python examples run, and print what it says they print."""

import doctest
import re
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
FENCE = re.compile(r"^```(?:python|pycon|py)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks():
    return FENCE.findall(README.read_text(encoding="utf-8"))


def test_the_readme_shows_an_example_with_its_output():
    assert any(">>>" in block for block in blocks())


def test_the_examples_of_the_readme_are_right(tmp_path, monkeypatch):
    """All blocks in order, in one namespace, in an empty folder; those without >>> must run."""
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "readme"}
    report = []
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    runner = doctest.DocTestRunner(verbose=False, optionflags=flags)  # None would look for -v among our own
    for number, block in enumerate(blocks()):
        if ">>>" in block:
            test = doctest.DocTestParser().get_doctest(block, namespace, f"block {number}", str(README), 0)
            runner.run(test, out=report.append, clear_globs=False)
            namespace.update(test.globs)
        else:
            exec(compile(block, f"README block {number}", "exec"), namespace)
    assert not report, "".join(report)
    assert runner.summarize(verbose=False).attempted > 0
