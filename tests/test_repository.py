"""What the files around the code say agrees with pyproject.toml, which states it."""

import re
import tomllib
from pathlib import Path

import pytest

import autograd

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FOR_DEVELOPERS = {"demos", "test", "bench", "dev", "docs", "quick"}  # they collect extras


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def in_matrix(key):
    found = re.search(rf"^ +{key}: \[(.*)\]$", text(".github/workflows/ci.yml"), re.MULTILINE)
    return [each.strip(' "') for each in found[1].split(",")]


def test_the_version_is_an_attribute_and_what_is_cited():
    assert autograd.__version__ == PROJECT["version"]
    assert f'\nversion: "{PROJECT["version"]}"\n' in text("CITATION.cff")
    assert re.search(rf"^## {re.escape(PROJECT['version'])} \(", text("CHANGELOG.md"), re.MULTILINE)


def test_files_that_were_never_installed_have_no_version(monkeypatch):
    import importlib
    from importlib import metadata

    from autograd import version

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    with monkeypatch.context() as patch:
        patch.setattr(metadata, "version", missing)
        assert importlib.reload(version).__version__ == "unknown"
    importlib.reload(version)


def test_every_python_that_is_declared_is_tried():
    declared = [each.rpartition(" ")[2] for each in PROJECT["classifiers"] if "Python :: 3." in each]
    assert in_matrix("python") == declared
    assert PROJECT["requires-python"] == f">={declared[0]}"


def test_every_extra_is_tried_alone():
    assert set(in_matrix("extra")) == {"", *PROJECT["optional-dependencies"]} - FOR_DEVELOPERS


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_no_rights_it_does_not_name_and_ends(path):
    source = path.read_text(encoding="utf-8")
    assert re.search(r"^permissions:\n  contents: read\n", source, re.MULTILINE)
    assert source.count("runs-on:") == source.count("timeout-minutes:")
    assert source.count("actions/checkout@") == source.count("persist-credentials: false")


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md"])
def test_links_between_the_files_lead_somewhere(name):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text(name)):
        assert (ROOT / target).exists()


def test_every_command_that_contributing_names_is_there():
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", text("CONTRIBUTING.md"))) <= targets
