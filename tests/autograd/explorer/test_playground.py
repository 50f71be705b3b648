"""The playground's parser, recorder and drawing, in V8: they read, refuse, record and draw as Python does."""

import json
import math

import pytest
from hypothesis import given

from autograd.drawing.boxes import one_by_one
from autograd.drawing.text import dot_text
from autograd.engine.replay import Passes
from autograd.explorer.labels import Labels
from autograd.explorer.pictures import Blank, Reached
from autograd.explorer.playground import modules
from autograd.explorer.programs import python_lines, torch_lines
from autograd.language import ExpressionError, parse
from tests.support.typed_programs import ANY, HOSTILE, PROGRAMS, RIGHT, WRONG
from tests.support.v8 import V8

NUMBER = 0.625  # of every free name


@pytest.fixture(scope="module")
def v8():
    language, rows = modules()
    made = V8("parser.parse", "recorder.record", "recorded.payloadOf", "dot.dotOf", "rows.ROWS", rows=rows, given={"language": language})
    made.read(
        """(globalThis.numbersOf = (program) => new Map([...program.free.keys()].map((name) => [name, NUMBER])),
        globalThis.tried = (text) => {
          try {
            const program = parse(text);
            const nodes = record(program, ROWS, numbersOf(program));
            const index = new Map(nodes.map((node, place) => [node, place]));
            const placed = (each) => (Array.isArray(each) ? each.map(placed) : index.get(each));
            return {
              names: [...program.free.keys()],
              nodes: nodes.map(({ op, label, constant, operands }) => [op, label, constant, operands.map(placed)]),
              data: nodes.map(({ data }) => String(data)),
            };
          } catch (fault) {
            if (!fault.reason) throw fault;
            return { reason: fault.message, line: text.split("\\n")[fault.line - 1], column: fault.column, wide: fault.reason === "wide" };
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
    nodes = [[node.op, node.label, node.constant, [place(each) for each in node.operands]] for node in passes.nodes]
    return {"names": list(formula.names), "nodes": nodes, "data": [node.data for node in passes.nodes]}


def compared(v8, text):
    """What both say of a text, which must be the same."""
    found, expected = v8.read(f"tried({json.dumps(text)})"), in_python(text)
    if found.pop("wide", False):
        return found
    if "reason" in expected:
        assert found.get("reason") == expected["reason"], (text, found, expected)
        if expected["line"]:  # a text that is too long has no place
            assert (found["line"], found["column"]) == (expected["line"], expected["column"]), (text, expected)
        return found
    assert "reason" not in found, (text, found)
    data = [float(number.replace("Infinity", "inf")) for number in found.pop("data")]
    numbers = expected.pop("data")
    assert found == expected, text
    for one, other in zip(data, numbers, strict=True):
        assert math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(one) and math.isnan(other)), text
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
