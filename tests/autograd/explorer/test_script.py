"""The page's modules in V8: the sweep is the engine's, optimizers are those of nn, modules fit together."""

import re

import numpy as np
import pytest
from hypothesis import given, settings

import nn
from autograd import Value, playground
from autograd.engine.primitives import TABLE
from autograd.engine.replay import Passes
from autograd.explorer.script import WEB, rows_module, script, texts
from autograd.symbolic import row_script
from tests.support.random_graphs import programs, run
from tests.support.v8 import V8, literal, ulps


def javascript(passes):
    """The graph as the page has it: rows, steps and constants."""
    rows, steps = {}, []
    for node in passes.nodes:
        if node.primitive is None:
            steps.append("null")
            continue
        key = node.primitive, tuple(len(each) if isinstance(each, tuple) else None for each in node.operands)
        rows.setdefault(key, len(rows))
        places = [
            [passes.index[one] for one in each] if isinstance(each, tuple) else passes.index[each]
            for each in node.operands
        ]
        steps.append(f"[ROWS[{rows[key]}], {places}]")
    constants = [str(node.constant).lower() for node in passes.nodes]
    return [row_script(*key) for key in rows], f"new Graph([{', '.join(steps)}], [{', '.join(constants)}])"


@settings(max_examples=25)
@given(programs())
def test_a_sweep_with_any_numbers_is_the_engines(program):
    numbers, code, roots, _ = program
    leaves = [Value(number) for number in numbers]
    output = run(leaves, code, lambda name, args: TABLE[name](*args))[roots[-1]]
    if not isinstance(output, Value):  # of constants alone
        return
    passes = Passes(output)
    rows, graph = javascript(passes)
    v8 = V8("sweep.Graph", "rows.ROWS", rows=rows)
    for factor in (1.0, -0.75, 1.5):
        given = {leaf: leaf.data * factor for leaf in leaves}
        start = [given.get(node, node.data) if not node.op else 0.0 for node in passes.nodes]
        found = v8.numbers(f"{graph}.run({literal(start)})")
        edges = v8.numbers(f"{graph}.edges")
        assert edges == [list(edge) for edge in passes.edges]
        at_once = passes.run(given)
        assert found["taken"] == [float(each) for each in at_once.taken]
        data = dict(zip(passes.nodes, found["data"]))
        for (
            node,
            number,
        ) in data.items():  # each from the page's own operands: what came before is not its fault
            if node.op:
                args = [
                    [data[one] for one in each] if isinstance(each, tuple) else data[each]
                    for each in node.operands
                ]
                right = float(node.primitive.evaluate(*args))
                assert ulps(number, right) <= 4.0 or abs(number - right) < 1e-15, node
        sizes = np.abs(at_once.contributions)
        total = np.zeros(len(passes.nodes))
        for (tail, _), size in zip(passes.edges, sizes):
            total[tail] += size
        close = np.isclose(found["data"], at_once.data, rtol=1e-13, atol=1e-15)
        if all(close):  # where an edit met a kink or an edge, both may be right on different sides
            assert found["grads"] == pytest.approx(at_once.grads, rel=1e-9, abs=1e-9 * max(1.0, *total))


@pytest.mark.parametrize(
    ("name", "optimizer"),
    [
        ("SGD", lambda leaves: nn.SGD(leaves, lr=0.1)),
        ("SGD, momentum 0.9", lambda leaves: nn.SGD(leaves, lr=0.1, momentum=0.9)),
        ("Adam", lambda leaves: nn.Adam(leaves, lr=0.1)),
    ],
)
def test_optimizers_are_those_of_nn(name, optimizer):
    gradients = np.random.default_rng(0).normal(size=(20, 3))
    leaves = [Value(0.0) for _ in range(3)]
    theirs = optimizer(leaves)
    for gradient in gradients.tolist():
        for leaf, number in zip(leaves, gradient):
            leaf.grad = number
        theirs.step()
    ours = V8("optimizers.OPTIMIZERS").numbers(
        f"""{literal(gradients.tolist())}.reduce(([w, memory], g) => {{
            const [away, next] = OPTIMIZERS[{name!r}](g, memory, 0.1);
            return [w.map((each, i) => each - away[i]), next];
        }}, [[0, 0, 0], null])[0]"""
    )
    assert ours == pytest.approx([leaf.data for leaf in leaves], rel=1e-12)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2", 2.0),
        (" −0.5 ", -0.5),
        ("1e-3", 1e-3),
        ("+.5", 0.5),
        ("∞", np.inf),
        ("-inf", -np.inf),
        ("1.", 1.0),
    ]
    + [(text, np.nan) for text in ("", "1,5", "0x10", "1e", "nan", "2 3", "alert(1)", "--1", "1_000", "٣")],
)
def test_numbers_are_read_and_nothing_else(text, number):
    (found,) = V8("numbers.read").numbers(f"[read({text!r})]")
    assert found == pytest.approx(number, nan_ok=True)


def test_a_step_is_ten_percent_of_the_leading_digit_and_stays_on_its_grid():
    asked = [
        (0.15, 1),
        (0.15, -1),
        (0.0, 1),
        (2.0, 1),
        (-2.0, 10),
        (1e-9, 1),
        (350.0, 1),
        (0.29999999999999, 1),
    ]
    found = V8("numbers.stepped").numbers(f"[{', '.join(f'stepped({a!r}, {b})' for a, b in asked)}]")
    assert found == [0.16, 0.14, 0.1, 2.1, -1.0, 0.1, 360.0, 0.31]


# --- texts ------------------------------------------------------------------------------------------

LANGUAGES = sorted(texts())


def _slots(text):
    return {
        form: set(re.findall(r"\{(\w+)\}", each))
        for form, each in (text if isinstance(text, dict) else {"": text}).items()
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_says_all_that_english_says(language):
    assert texts()[language].keys() == texts()["en"].keys()
    for key, text in texts()["en"].items():
        told = texts()[language][key]
        assert isinstance(told, dict) == isinstance(text, dict), key
        for slots in _slots(told).values():
            wanted = set.union(*_slots(text).values())
            assert wanted - {"count"} <= slots <= wanted, key
        assert all(form.strip() for form in (told.values() if isinstance(told, dict) else [told])), key


def test_every_text_is_used_and_every_use_has_a_text():
    whole = "\n".join(path.read_text() for path in [*WEB.glob("*.js"), *WEB.glob("*.html")])
    told = set(texts()["en"])
    asked = set(re.findall(r"data-say(?:-[a-z-]+)?=\"([^\"]+)\"", whole))
    asked |= {
        key
        for call in re.findall(r"\b(?:say|sayIn|counted)\([^;]*", whole)
        for key in re.findall(r'"([a-z][a-z. ]*)"', call)
        if key in told
    }
    kept = {key for key in told if f'"{key}"' in whole}
    stems = {key.rsplit("${", 1)[0] for key in re.findall(r"`([a-z.]+\$\{)", whole)}
    assert asked - told == set()
    assert {key for key in told - asked - kept if not key.startswith(tuple(stems))} - {
        "language",
        "old",
    } == set()


# --- the modules -----------------------------------------------------------------------------------

MODULES = sorted(
    path.stem for path in WEB.glob("*.js") if path.stem != "widget"
)  # which is no part of the page


@pytest.mark.parametrize("name", MODULES)
def test_modules_import_what_is_exported_and_use_what_they_import(name):
    text = (WEB / f"{name}.js").read_text()
    for names, other in re.findall(r'^import (?:\{([^}]*)\} from )?"\./(\w+)\.js";$', text, re.MULTILINE):
        if other in ("rows", "texts", "palette", "language", "explorer"):  # written by Python
            continue
        exported = re.search(r"^export \{([^}]*)\};$", (WEB / f"{other}.js").read_text(), re.MULTILINE)
        for each in filter(None, map(str.strip, names.split(","))):
            assert each in {one.strip() for one in exported[1].split(",")}, f"{other} does not export {each}"
            assert len(re.findall(rf"(?:(?<![\w.])|(?<=\.\.\.)){re.escape(each)}\b", text)) > 1, (
                f"{each} is imported and not used"
            )


def test_every_module_is_part_of_the_page():
    whole = script("page", {"rows": rows_module(None)}) + playground().html
    assert [name for name in MODULES if f"const ${name} = " not in whole] == []
    assert not re.search(r"^(import|export)\b", whole, re.MULTILINE)


def test_modules_in_a_circle_are_refused():
    around = {"a": 'import { b } from "./b.js";\n', "b": 'import { a } from "./a.js";\n'}
    with pytest.raises(ValueError, match="a > b > a"):
        script("a", around)
