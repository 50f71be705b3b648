"""The playground's parser, recorder and drawing, in V8: they read, refuse, record and draw as Python does."""

import gzip
import hashlib
import json
import math

import pytest
from hypothesis import given

import autograd
from autograd.drawing.boxes import one_by_one
from autograd.drawing.text import dot_text
from autograd.engine.primitives import TABLE
from autograd.engine.replay import Passes
from autograd.explorer.labels import Labels
from autograd.explorer.pictures import Blank, Reached
from autograd.explorer.playground import modules
from autograd.explorer.script import WEB
from autograd.language import FUNCTIONS, ExpressionError, parse
from tests.support import reader
from tests.support.typed_programs import ANY, HOSTILE, PROGRAMS, RIGHT, WRONG
from tests.support.v8 import V8, literal

NUMBER = 0.625  # of every free name
READ = reader.reference_functions(TABLE)


@pytest.fixture(scope="module")
def v8():
    language, rows = modules()
    made = V8(
        "parser.parse",
        "recorder.record",
        "recorded.payloadOf",
        "dot.dotOf",
        "programs.programOf",
        "rows.ROWS",
        rows=rows,
        given={"language": language},
    )
    made.read(
        """(
        globalThis.numbersOf = ({ free }) => new Map([...free.keys()].map((name) => [name, NUMBER])),
        globalThis.tried = (text) => {
          try {
            const program = parse(text);
            const nodes = record(program, ROWS, numbersOf(program));
            const index = new Map(nodes.map((node, place) => [node, place]));
            const placed = (each) => (Array.isArray(each) ? each.map(placed) : index.get(each));
            return {
              names: [...program.free.keys()],
              nodes: nodes.map((each) => [each.op, each.label, each.constant, each.operands.map(placed)]),
              data: nodes.map(({ data }) => String(data)),
            };
          } catch (fault) {
            if (!fault.reason) throw fault;
            const [line, wide] = [text.split("\\n")[fault.line - 1], fault.reason === "wide"];
            return { reason: fault.message, line, column: fault.column, wide };
          }
        }, 0)""".replace("NUMBER", str(NUMBER))
    )
    return made


def in_python(text):
    try:
        formula = parse(text)
        output, _ = formula.record(dict.fromkeys(formula.names, NUMBER))
    except ExpressionError as error:
        return {"reason": error.reason, "line": error.line, "column": error.column}
    passes = Passes(output)
    place = lambda each: [place(one) for one in each] if isinstance(each, tuple) else passes.index[each]
    nodes = [
        [node.op, node.label, node.constant, [place(each) for each in node.operands]] for node in passes.nodes
    ]
    return {"names": list(formula.names), "nodes": nodes, "data": [node.data for node in passes.nodes]}


def compared(v8, text):
    """What both say of a text, which must be the same."""
    found, expected = v8.read(f"tried({json.dumps(text)})"), in_python(text)
    if found.pop("wide", False):
        return found
    if "reason" in expected:
        assert found.get("reason") == expected["reason"], (text, found, expected)
        if expected["line"]:  # a text that is too long has no place
            assert (found["line"], found["column"]) == (expected["line"], expected["column"]), (
                text,
                expected,
            )
        return found
    assert "reason" not in found, (text, found)
    data = [float(number.replace("Infinity", "inf")) for number in found.pop("data")]
    numbers = expected.pop("data")
    assert found == expected, text
    for one, other in zip(data, numbers, strict=True):
        assert math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) or (
            math.isnan(one) and math.isnan(other)
        ), text
    return found


@pytest.mark.parametrize("text", RIGHT)
def test_both_record_the_same(v8, text):
    assert "nodes" in compared(v8, text)


@pytest.mark.parametrize("text", WRONG)
def test_both_refuse_the_same_at_the_same_place(v8, text):
    assert "reason" in compared(v8, text)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:20])
def test_both_end_on_hostile_texts(v8, text):
    compared(v8, text)


@given(ANY)
def test_any_text_is_the_same_to_both(v8, text):
    compared(v8, text)


@given(PROGRAMS)
def test_any_program_is_the_same_to_both(v8, text):
    compared(v8, text)


# --- what is shown of it -----------------------------------------------------------------------------------


def shown(v8, text, trained):
    """What the page shows of a program: payload, numbers and drawing; and the graph in Python."""
    made = v8.read(
        f"""(() => {{
          const program = parse({json.dumps(text)});
          const [trained, numbers] = [{json.dumps(trained)}, numbersOf(program)];
          const made = payloadOf(program, ROWS, {{ trained, numbers, rate: 0.5, title: "" }});
          const {{ payload }} = made;
          return {{ payload, numbers: Array.from(made.numbers, String), dot: dotOf(payload, made.taken) }};
        }})()"""
    )
    formula = parse(text)
    passes = Passes(formula.record(dict.fromkeys(formula.names, NUMBER))[0])
    return (
        made["payload"],
        [float(each.replace("Infinity", "inf")) for each in made["numbers"]],
        made["dot"],
        passes,
    )


def alike(v8, text):
    payload, numbers, dot, passes = shown(v8, text, "w* x")
    labels = Labels(passes)
    nodes = payload["nodes"]
    assert [each["name"] for each in nodes] == list(labels.names.values())
    parameters = [node for node, about in zip(passes.nodes, nodes) if about["kind"] == "parameter"]
    assert all(node.label[:1] in ("w", "x") for node in parameters)
    look = Blank(Reached([passes.output]), 4, False, None, frozenset(), parameters, labels.names)
    boxes, arrows = one_by_one(look)
    assert dot == dot_text(boxes, arrows, "LR", "", legend=False)
    done = passes.run({})
    for each, data, grad in zip(nodes, done.data, done.grads):
        assert same(numbers[each["data"]], data)
        assert same(numbers[each["grad"]], grad)
    assert [(each["tail"], each["head"]) for each in payload["edges"]] == passes.edges
    for each, partial, taken in zip(payload["edges"], done.partials, done.taken):
        assert same(numbers[each["partial"]], partial)
        assert bool(numbers[each["taken"]]) == taken
    for node, about in zip(passes.nodes, nodes):
        if node.op and not any(parent.constant for parent in node.parents):
            assert (about["formula"], about["filled"]) == labels.formula(node)
    return payload, done, passes


def same(one, other):
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-11) or (math.isnan(one) and math.isnan(other))


@pytest.mark.parametrize("text", [text for text in RIGHT if "2 + 3" not in text])
def test_the_page_shows_what_explore_shows(v8, text):
    """The names, the drawing and the numbers; formulas, where no number in them has another place."""
    alike(v8, text)


@given(PROGRAMS)
def test_any_program_is_shown_as_explore_shows_it(v8, text):
    """And the lines of Python that one takes away record the same numbers."""
    payload, done, passes = alike(v8, text)
    program = v8.read(f"programOf({json.dumps(payload)}, 'python', (place) => {literal(done.data)}[place])")
    known = {
        "TABLE": TABLE,
        **{name: getattr(autograd, name) for name in autograd.__all__},
        "sum": autograd.sum,
    }
    for node, name, formula in zip(passes.nodes, program["names"], program["formulas"], strict=True):
        assert bool(name) != node.constant
        if name:
            known[name] = eval(formula, known) if formula else autograd.Value(node.data)
            assert same(known[name].data, node.data), (name, formula)


@pytest.mark.parametrize(
    "text",
    [
        "x*2 - 3/x + x**3 + x**1.7 + 2**x + (1 - x)*-2 - -4*x/-3",
        "y = 0.25*x**2; y*y**-1 + y**0.5 - (-0.5)*y + y**-2 + max(y, 2) + min(-3, y)",
        "hypot(x, 2) + logaddexp(x, -1) + atan2(x, 3) + leaky_relu(x, 0.2) + where(x > 0.5, 2*x, -1)",
        "dot([x, 2], [-3, y], 0.5) + sum([x, -2, y]) + mean([x, 4]) + norm([x, -2]) + logsumexp([x, 1, -1])",
        *(f"{name}(x*0.75)" for name, each in FUNCTIONS.items()
          if each.takes == ("number",) and name not in ("acosh", "σ", "ln")),
    ],
)  # fmt: skip
def test_formulas_come_to_their_numbers(v8, text):
    """Of nodes and of partials with numbers in them, read again by a reader with no code of the page."""
    payload, _, _, passes = shown(v8, text, "w*")
    done = passes.run({})
    values = {
        each["name"]: number
        for each, number in zip(payload["nodes"], done.data)
        if each["kind"] != "constant"
    }
    told = [(each["formula"], number) for each, number in zip(payload["nodes"], done.data) if each["formula"]]
    told += [
        (each["formula"], number) for each, number in zip(payload["edges"], done.partials) if each["formula"]
    ]
    for formula, number in told:
        assert math.isclose(
            float(reader.evaluate(formula, values, READ)), number, rel_tol=1e-9, abs_tol=1e-12
        ), formula


def test_graphviz_is_the_file_that_its_note_names():
    unpacked = gzip.decompress((WEB / "graphviz.js.gz").read_bytes())
    assert hashlib.sha256(unpacked).hexdigest() in (WEB / "graphviz.txt").read_text(encoding="utf-8")
