"""The pages of a class in a browser: quiet, by themselves, readable by all, and on a telephone."""

import pytest

from autograd.spreadsheet import assignment
from autograd.spreadsheet.classes import write_all
from tests.support.browser import opened, overflow, violations
from tests.support.classes_made import check_alone, put, sheet
from tests.support.profiles import slow

PAGES = ["class.html", "students/alan-turing-with-a-very-long-name/index.html", "students/bob/index.html"]


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    made = tmp_path_factory.mktemp("made")
    files = {
        "Ada/x.csv": sheet(made),
        "Alan Turing with a very long name/a file that has a very_very_very_very_long_name_too.csv": sheet(
            made, "usual"
        ),
        "Eve/x.csv": sheet(made, "half"),
        "Bob/x.xlsx": b"PK\3\4",
    }
    folder = tmp_path_factory.mktemp("out")
    write_all(check_alone(put(tmp_path_factory.mktemp("class"), files), assignment()), folder, "answer")
    return folder


@pytest.mark.parametrize("scheme", ["light", *slow(["dark"])])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_keeps_nobody_out(browser, out, name, scheme):
    """Nor does it load or complain of anything, or `opened` would say so."""
    with opened(browser, out / name, scheme=scheme) as page:
        assert violations(page) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_no_wider_than_a_telephone(browser, out, name):
    with opened(browser, out / name, width=360) as page:
        assert overflow(page) == 0
