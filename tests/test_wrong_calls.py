"""Wrong calls over the whole public API: each is refused with the error that fits and a message that helps.

A row is a call as text, the exact type of the error, and what the message says: what was given, and what
was expected. A call that Python itself refuses with such a message has its row too, so that it stays so.
"""

# ruff: noqa: E501  # a row of a table stands on one line, the message as it is

import importlib
import pickle
import sys
from inspect import signature
from pathlib import Path

import numpy as np
import pytest

import autograd
import nn
from autograd import (
    AnomalyError,
    Drawing,
    GraphError,
    GraphTooLargeError,
    Value,
    detect_anomaly,
    primitive,
)
from autograd.engine.primitives import TABLE
from demos import __main__ as runner
from nn import MLP, SGD, DivergenceError, fit

HUGE = 10**400
NAN, INF = float("nan"), float("inf")
X, Y = np.array([[0.0, 1.0], [1.0, 0.5]]), np.array([1.0, 0.0])
PUBLIC = {name: getattr(package, name) for package in (autograd, nn) for name in package.__all__}
PUBLIC |= {
    "compile": autograd.compile,
    "sum": autograd.sum,
}  # which `*` does not bring, and shadows no builtin


def leaf():
    return Value(2.0, "x")


def square():
    x = leaf()
    y = x * x
    y.label = "y"
    return y


def stale():
    """A graph whose leaf, a, was set after it was recorded."""
    a = Value(1.0, "a")
    b = a * a
    a.data = 2.0
    return a, b


def chain(nodes):
    x = leaf()
    for _ in range(nodes):
        x = -x
    return x


def net():
    return MLP(2, [3, 1], seed=0)


def one_by_one():
    """A network of one weight, for states."""
    return nn.Neuron(1, bias=False, seed=0)


def not_in_cells():
    """A graph with a primitive that spreadsheets do not know."""

    @primitive(partials=lambda y, x: 1.0, name="no_cells")
    def no_cells(x):
        return x

    x = leaf()
    return no_cells(x), [x]


def with_data(data):
    w = Value(data, "w")
    return w * 2.0, [w]


def train(X=X, y=Y, **options):
    """`fit`, in which everything is right but what is given."""
    model = net()
    options = {"loss": "mse_loss", "optimizer": SGD(model.parameters(), lr=0.1), "epochs": 1} | options
    return fit(model, X, y, **options)


def sgd(**options):
    return SGD([leaf()], **{"lr": 0.1, **options})


def diverging(parameters):
    return SGD(parameters, lr=1e300)


def row(partials=lambda y, x: 1.0, forward=lambda x: x, **options):
    """A new row of the table."""
    return primitive(partials, **{"name": "new_row", **options})(forward)


def forgotten():
    """A pickled graph whose primitive the table has no more."""
    text = pickle.dumps(row()(leaf()))
    del TABLE["new_row"]
    return text


def assign(thing, name, value):
    setattr(thing, name, value)


def within_detect_anomaly(call):
    with detect_anomaly():
        return call()


def product(a, b):
    return a * b


def array_program():
    """A program of one parameter, and without inputs."""
    w = leaf()
    return autograd.compile(w * w, w, backend="numpy")


# fmt: off
VALUES = [
    ("Value('a')", TypeError, "Value takes a real number, got str: 'a'"),
    ("Value('1.5')", TypeError, "Value takes a real number, got str: '1.5'"),
    ("Value(b'1')", TypeError, "Value takes a real number, got bytes: b'1'"),
    ("Value(1 + 2j)", TypeError, "Value takes a real number, got complex: (1+2j)"),
    ("Value(np.complex128(1))", TypeError, "Value takes a real number, got complex128"),
    ("Value(None)", TypeError, "Value takes a real number, got NoneType: None"),
    ("Value([1.0])", TypeError, "Value takes a real number, got list: [1.0]"),
    ("Value({})", TypeError, "Value takes a real number, got dict: {}"),
    ("Value(np.array([1.0, 2.0]))", TypeError, "Value takes a real number, got ndarray of shape (2,)"),
    ("Value(np.array([1.0]))", TypeError, "Value takes a real number, got ndarray of shape (1,)"),
    ("Value(np.array(1j))", TypeError, "Value takes a real number, got ndarray of shape ()"),
    ("Value(np.array(leaf()))", TypeError, "Value takes a real number, got ndarray of shape ()"),
    ("Value(np.timedelta64(1))", TypeError, "Value takes a real number, got timedelta64"),
    ("Value(3.0, (leaf(),), '+')", TypeError, "an operation of your own is added with primitive, @primitive("),
    ("Value(3.0, _children=(leaf(),), _op='+')", TypeError, "an operation of your own is added with primitive, @"),
    ("assign(square(), '_backward', print)", AttributeError, "cannot be set: an operation of your own is added with prim"),
    ("type('Sub', (Value,), {})(1.0)", TypeError, "no subclasses, whose results would be plain Values: an operation"),
    ("assign(leaf(), 'grad', 'a')", TypeError, "Value.grad takes a real number, got str: 'a'"),
    ("Value(np.str_('1'))", TypeError, "Value takes a real number, got str_"),
    ("Value(np.datetime64('2020'))", TypeError, "Value takes a real number, got datetime64"),
    ("Value(leaf())", TypeError, "got Value: Value(data=2.0, grad=0.0, label='x') (a Value is a number"),
    ("Value(HUGE)", ValueError, "Value: an integer of 401 digits is beyond float64"),
    ("Value()", TypeError, "missing 1 required positional argument: 'data'"),
    ("Value(1.0, 5)", TypeError, "label must be a string, got int: 5"),
    ("Value(1.0, 'a', 3)", TypeError, "scope must be a string, got int: 3"),
    ("assign(leaf(), 'label', None)", TypeError, "label must be a string, got NoneType: None"),
    ("assign(leaf(), 'scope', 5)", TypeError, "scope must be a string, got int: 5"),
    ("assign(leaf(), 'data', 'a')", TypeError, "Value.data takes a real number, got str: 'a'"),
    ("assign(leaf(), 'data', np.array([1.0]))", TypeError, "Value.data takes a real number, got ndarray"),
    ("assign(leaf(), 'data', leaf())", TypeError, "(a Value is a number already: use it, or its .data)"),
    ("assign(square(), 'data', 1.0)", GraphError, "only a leaf's data can be set, and y was computed"),
    ("assign(leaf(), 'op', 'add')", AttributeError, "property 'op' of 'Value' object has no setter"),
    ("assign(leaf(), 'parents', ())", AttributeError, "property 'parents' of 'Value' object has no setter"),
    ("assign(leaf(), 'gard', 0.0)", AttributeError, "'Value' object has no attribute 'gard'"),
    ("sequence(['a'])", TypeError, "takes a real number, got str: 'a'"),
    ("sequence([leaf(), None])", TypeError, "takes a real number, got NoneType: None"),
    ("sequence([[1.0]])", TypeError, "takes a real number, got list: [1.0]"),
    ("leaf() < 'a'", TypeError, "a Value is compared with real numbers and Values, got str: 'a'"),
    ("leaf() >= None", TypeError, "a Value is compared with real numbers and Values, got NoneType: None"),
    ("'a' < leaf()", TypeError, "a Value is compared with real numbers and Values, got str: 'a'"),
    ("Value(10**5000)", ValueError, "Value: an integer of 5001 digits is beyond float64"),
    ("sequence(5)", TypeError, "sequence takes a sequence of Values and numbers, got int: 5"),
    ("sequence(leaf())", TypeError, "sequence takes a sequence of Values and numbers, got Value"),
    ("Value.backward(5.0)", TypeError, "backward"),
    ("Value.backward([square()])", TypeError, "backward"),
    ("Value.backward((square(),))", TypeError, "backward"),
    ("topological_order(5.0)", TypeError, "topological_order takes Values, got float: 5.0"),
    ("topological_order([square()])", TypeError, "topological_order takes Values, got list"),
    ("topological_order(None)", TypeError, "topological_order takes Values, got NoneType: None"),
]

ARITHMETIC = [
    ("leaf() + 'a'", TypeError, "an operation on a Value takes a real number, got str: 'a'"),
    ("'a' + leaf()", TypeError, "an operation on a Value takes a real number, got str: 'a'"),
    ("leaf() + None", TypeError, "an operation on a Value takes a real number, got NoneType: None"),
    ("None - leaf()", TypeError, "an operation on a Value takes a real number, got NoneType: None"),
    ("leaf() * 1j", TypeError, "an operation on a Value takes a real number, got complex: 1j"),
    ("leaf() / [1.0]", TypeError, "an operation on a Value takes a real number, got list: [1.0]"),
    ("leaf() ** 'a'", TypeError, "an operation on a Value takes a real number, got str: 'a'"),
    ("{} ** leaf()", TypeError, "an operation on a Value takes a real number, got dict: {}"),
    ("leaf() + HUGE", ValueError, "an operation on a Value: an integer of 401 digits is beyond float64"),
    ("leaf() * np.array(['a', 'b'])", TypeError, "an operation on a Value takes a real number, got str: 'a'"),
    ("np.array(['a']) + leaf()", TypeError, "an operation on a Value takes a real number, got str: 'a'"),
    ("leaf() + np.array([1j])", TypeError, "an operation on a Value takes a real number, got complex: 1j"),
    ("np.add(leaf(), 'a')", TypeError, "an operation on a Value takes a real number, got str: 'a'"),
    ("leaf() // 'a'", TypeError, "an operation on a Value takes a real number, got str: 'a'"),
    ("leaf() @ 2", TypeError, "unsupported operand type(s) for @: 'Value' and 'int'"),
    ("gelu(leaf(), 'erf')", ValueError, """gelu: approximate must be "none" or "tanh", got 'erf'"""),
    ("norm(3)", TypeError, "norm takes a sequence of values, got int 3: write norm([a, b])"),
    ("leaf() @ leaf()", TypeError, "unsupported operand type(s) for @: 'Value' and 'Value'"),
    ("~leaf()", TypeError, "bad operand type for unary ~: 'Value'"),
    ("len(leaf())", TypeError, "object of type 'Value' has no len()"),
    ("leaf()[0]", TypeError, "'Value' object is not subscriptable"),
    ("list(leaf())", TypeError, "'Value' object is not iterable"),
    ("[1, 2][leaf()]", TypeError, "list indices must be integers or slices, not Value"),
    ("range(leaf())", TypeError, "'Value' object cannot be interpreted as an integer"),
    ("[1, 2][leaf()]", TypeError, "not Value"),
    ("leaf()()", TypeError, "'Value' object is not callable"),
]

FUNCTIONS = [
    ("exp(None)", TypeError, "exp takes real numbers and Values, got (None,)"),
    ("log(())", TypeError, "log takes real numbers and Values, got ((),)"),
    ("sqrt([1.0, 2.0])", TypeError, "sqrt takes real numbers and Values, got ([1.0, 2.0],)"),
    ("sin(1j)", TypeError, "sin takes real numbers and Values, got (1j,)"),
    ("relu(None)", TypeError, "relu takes real numbers and Values, got (None,)"),
    ("sigmoid({})", TypeError, "sigmoid takes real numbers and Values, got ({},)"),
    ("tanh()", TypeError, "missing 1 required positional argument: 'x'"),
    ("exp(leaf(), leaf())", TypeError, "exp() takes 1 positional argument but 2 were given"),
    ("leaf().exp(1.0)", TypeError, "takes 1 positional argument but 2 were given"),
    ("maximum(leaf())", TypeError, "maximum() missing 1 required positional argument: 'b'"),
    ("maximum(leaf(), 'a')", TypeError, "an operation on a Value takes a real number, got str: 'a'"),
    ("minimum(leaf(), None)", TypeError, "an operation on a Value takes a real number, got NoneType: None"),
    ("where(leaf(), 1.0)", TypeError, "where() missing 1 required positional argument: 'b'"),
    ("where(leaf(), 'a', 1.0)", TypeError, "an operation on a Value takes a real number, got str: 'a'"),
    ("leaky_relu(leaf(), 'a')", TypeError, "an operation on a Value takes a real number, got str: 'a'"),
    ("elu(leaf(), alpha='a')", TypeError, "an operation on a Value takes a real number, got str: 'a'"),
    ("sum(5)", TypeError, "sum takes a sequence of values, got int 5: write sum([a, b])"),
    ("sum('ab')", TypeError, "sum takes a sequence of values, got str 'ab': write sum([a, b])"),
    ("sum(leaf())", TypeError, "sum takes a sequence of values, got Value"),
    ("sum([leaf()], 'a')", TypeError, "an operation on a Value takes a real number, got str: 'a'"),
    ("sum([leaf(), 'a'])", TypeError, "an operation on a Value takes a real number, got str: 'a'"),
    ("take([1.0], leaf())", IndexError, "take: x: an index into 1 values is from 0 to 0, got 2.0"),
    ("take([leaf()], 0.5)", ValueError, "take: the index: an index is a whole number, here from 0 to 0"),
    ("take([leaf()], 'a')", TypeError, "an operation on a Value takes a real number, got str: 'a'"),
    ("take([], 0)", ValueError, "take needs at least 1 value, got an empty sequence"),
    ("take(leaf(), 0)", TypeError, "take takes a sequence of values, got Value"),
    ("mean([])", ValueError, "mean needs at least 1 value, got an empty sequence"),
    ("mean(3.0)", TypeError, "mean takes a sequence of values, got float 3.0: write mean([a, b])"),
    ("mean(['a'])", TypeError, "mean takes real numbers and Values, got (['a'],)"),
    ("dot([1.0], [1.0, 2.0])", ValueError, "as many inputs as weights, got 1 weights and 2 inputs"),
    ("dot([leaf()], [])", ValueError, "as many inputs as weights, got 1 weights and 0 inputs"),
    ("dot(leaf(), [1.0])", TypeError, "dot takes a sequence of values, got Value"),
    ("dot([1.0], None)", TypeError, "dot takes a sequence of values, got NoneType None: write dot([a, b])"),
    ("dot('ab', 'cd')", TypeError, "dot takes a sequence of values, got str 'ab': write dot([a, b])"),
    ("dot([leaf()], ['a'])", TypeError, "an operation on a Value takes a real number, got str: 'a'"),
    ("dot([leaf()], [1.0], 'b')", TypeError, "an operation on a Value takes a real number, got str: 'b'"),
    ("dot([leaf()], [1.0], [1.0])", TypeError, "an operation on a Value takes a real number, got list: [1.0]"),
    ("logsumexp([])", ValueError, "logsumexp needs at least 1 value, got an empty sequence"),
    ("logsumexp(leaf())", TypeError, "logsumexp takes a sequence of values, got Value"),
    ("softmax([])", ValueError, "softmax needs at least 1 value, got an empty sequence"),
    ("softmax(1.0)", TypeError, "softmax takes a sequence of values, got float 1.0: write softmax([a, b])"),
    ("softmax([leaf(), 'a'])", TypeError, "an operation on a Value takes a real number, got str: 'a'"),
    ("softmax(np.array(['a', 'b']))", TypeError, "softmax takes real numbers and Values"),
    ("log_softmax([])", ValueError, "log_softmax needs at least 1 value, got an empty sequence"),
    ("log_softmax('ab')", TypeError, "log_softmax takes a sequence of values, got str 'ab'"),
]

DIFFERENTIATION = [
    ("grad(5.0, [leaf()])", TypeError, "output must be a Value, got float: 5.0"),
    ("grad('y', [leaf()])", TypeError, "output must be a Value, got str: 'y'"),
    ("grad([square()], [leaf()])", TypeError, "output must be a Value, got list"),
    ("grad((leaf(),), [leaf()])", TypeError, "output must be a Value, got tuple"),
    ("grad(square(), [5.0])", TypeError, "must be a Value, got float: 5.0"),
    ("grad(square(), [None])", TypeError, "must be a Value, got NoneType: None"),
    ("grad(square(), 'x')", TypeError, "must be a Value, got str: 'x'"),
    ("grad(square(), [(leaf(),)])", TypeError, "must be a Value, got tuple"),
    ("grad(square())", TypeError, "missing 1 required positional argument: 'inputs'"),
    ("square().backward(1.0)", TypeError, "takes 1 positional argument but 2 were given"),
    ("topological_order(leaf(), depth=1)", TypeError, "unexpected keyword argument 'depth'"),
    ("value_and_grad(5)", TypeError, "value_and_grad: f must be a function of numbers that returns a Value, got int: 5"),
    ("value_and_grad(product)('a', 1.0)", TypeError, "value_and_grad: each input takes a real number, got str: 'a'"),
    ("value_and_grad(product)(1.0)", TypeError, "missing 1 required positional argument: 'b'"),
    ("value_and_grad(lambda a: [a, a])(1.0)", TypeError, "f must return one Value, got a list of 2: use jacobian"),
    ("value_and_grad(lambda a: None)(1.0)", TypeError, "f must return a Value or a flat sequence of Values, got None"),
    ("jacobian('f', [1.0])", TypeError, "jacobian: f must be a function of numbers that returns a Value, got str: 'f'"),
    ("jacobian(product, 'ab')", TypeError, "jacobian: inputs must be a sequence of numbers or Values, got str: 'ab'"),
    ("jacobian(product, X)", TypeError, "jacobian: inputs must be a sequence of numbers or Values, got ndarray"),
    ("jacobian(product, [1j, 1.0])", TypeError, "jacobian: each of inputs takes a real number, got complex: 1j"),
    ("jacobian(lambda a: [a, None], [1.0])", TypeError, "flat sequence of Values, got NoneType as output 1: None"),
    ("hessian(None, [1.0])", TypeError, "hessian: f must be a function of numbers that returns a Value, got NoneType"),
    ("hessian(product, [None, 1.0])", TypeError, "hessian: each of inputs takes a real number, got NoneType: None"),
    ("hessian(lambda a: [a], [1.0])", TypeError, "hessian: f must return one Value, got a list of 1"),
    ("jvp(product, [1.0, 2.0], [1.0])", ValueError, "jvp needs one tangent for each input, got 1 for 2 inputs"),
    ("jvp(product, [1.0, 2.0], None)", TypeError, "jvp: tangents must be a sequence of numbers or Values, got None"),
    ("jvp(product, [1.0, 2.0], ['a', 1.0])", TypeError, "jvp: each of tangents takes a real number, got str: 'a'"),
    ("hvp(product, [1.0, 2.0], [1.0])", ValueError, "got 1 for 2 inputs"),
    ("hvp(product, [1.0, 2.0], ['a', 1.0])", TypeError, "hvp: each of tangents takes a real number, got str: 'a'"),
    ("gradcheck(5, [1.0])", TypeError, "gradcheck: f must be a function of numbers that returns a Value, got int: 5"),
    ("gradcheck(product, [])", ValueError, "gradcheck needs at least one input, got none"),
    ("gradcheck(product, ['a', 2.0])", TypeError, "gradcheck: each of inputs takes a real number, got str: 'a'"),
    ("gradcheck(lambda a: None, [1.0])", TypeError, "f must return a Value or a flat sequence of Values, got NoneType"),
    ("gradcheck(product, [1.0, 2.0], order=0)", ValueError, "order must be a whole number from 1 on, got 0"),
    ("stale()[1].backward()", GraphError, "the data of a was set after a mul node was recorded"),
    ("grad(*stale()[::-1])", GraphError, "run the forward pass again before differentiating"),
    ("draw(stale()[1], derivatives=True)", GraphError, "the data of a was set after a mul node was recorded"),
    ("within_detect_anomaly(Value(0.0, 'x').log)", AnomalyError, "log gave -inf from x = 0.0"),
    ("within_detect_anomaly(Value(0.0, 'x').sqrt().backward)", AnomalyError, "gradient of x became inf"),
    ("pickle.loads(forgotten())", LookupError, "primitive 'new_row' that is not in the table: run the code that"),
    ("grad(square(), 5.0)", TypeError, "grad: inputs must be a Value or a sequence of them, got float: 5.0"),
    ("grad(square(), None)", TypeError, "grad: inputs must be a Value or a sequence of them, got NoneType: None"),
]

PRIMITIVES = [
    ("row(partials=5)", TypeError, "partials must be a function partials(y, *args), got int"),
    ("row(partials=None)", TypeError, "partials must be a function partials(y, *args), got NoneType"),
    ("row(partials=[1.0])", TypeError, "write @primitive(partials=lambda y, x: ...) above the forward rule"),
    ("row(name='add')", ValueError, "a primitive named 'add' is in the table already; choose another name"),
    ("row() and row()", ValueError, "a primitive named 'new_row' is in the table already"),
    ("row(colour='red')", TypeError, "unexpected keyword argument 'colour'"),
    ("primitive()", TypeError, "missing 1 required positional argument: 'partials'"),
    ("row(lambda y, a: (), lambda a: a)(leaf()).backward()", TypeError, "partials of new_row gave 0 for 1 arg"),
    ("row(lambda y, a, b: (1.0,), lambda a, b: a)(leaf(), 1.0).backward()", TypeError, "gave 1 for 2 arguments"),
    ("row(forward=lambda x: None)(leaf())", TypeError, "new_row takes real numbers and Values, got (2.0,)"),
    ("exp('a')", TypeError, "exp takes real numbers and Values, got str: 'a'"),
    ("maximum('1', '2')", TypeError, "maximum takes real numbers and Values, got str: '1'"),
    ("where(True, '1', 2.0)", TypeError, "where takes real numbers and Values, got str: '1'"),
    ("leaky_relu(leaf(), slop=0.1)", TypeError, "leaky_relu() got an unexpected keyword argument 'slop'"),
    ("primitive(lambda y, x: 1.0)(5)", TypeError, "primitive decorates a function, the forward rule, got int: 5"),
    ("row(name=5)", TypeError, "name must be a str, got int: 5"),
    ("row(symbol=5)", TypeError, "symbol must be a str, got int: 5"),
    ("row(vectors=1)", TypeError, "vectors must be a tuple, got int: 1"),
    ("row(array=5)", TypeError, "array must be a function, got int: 5"),
    ("row(select=5)", TypeError, "select must be a function, got int: 5"),
    ("row(expansion=5)", TypeError, "expansion must be a function, got int: 5"),
    ("row(())", ValueError, "partials of new_row must be one for each argument, got ()"),
    ("row((1.0, 2.0))", ValueError, "partials of new_row must be one for each argument, got (1.0, 2.0)"),
    ("row(lambda y, x: 'a')(leaf()).backward()", TypeError, "partials of new_row must be numbers, got str: 'a'"),
    ("row(lambda y, x: None)(leaf()).backward()", TypeError, "partials of new_row must be numbers, got NoneType"),
]

DRAWING = [
    ("draw(5)", TypeError, "draw takes a Value or a sequence of them, got int: 5"),
    ("draw('y')", TypeError, "draw takes a Value or a sequence of them, got str: 'y'"),
    ("draw([])", TypeError, "draw takes a Value or a sequence of them, got list: []"),
    ("draw([leaf(), 5])", TypeError, "draw takes a Value or a sequence of them, got list"),
    ("draw(square(), direction='UP')", ValueError, "direction must be one of LR, RL, TB, BT, got 'UP'"),
    ("draw(square(), direction=None)", ValueError, "direction must be one of LR, RL, TB, BT, got None"),
    ("draw(square(), precision=0)", ValueError, "precision must be a whole number from 1 to 17, got 0"),
    ("draw(square(), precision=18)", ValueError, "precision must be a whole number from 1 to 17, got 18"),
    ("draw(square(), precision='4')", ValueError, "precision must be a whole number from 1 to 17, got '4'"),
    ("draw(square(), precision=True)", ValueError, "precision must be a whole number from 1 to 17, got True"),
    ("draw(square(), depth=0)", ValueError, "depth, if not None, must be a whole number from 1 on, got 0"),
    ("draw(square(), depth=1.5)", ValueError, "depth, if not None, must be a whole number from 1 on, got 1.5"),
    ("draw(square(), limit=0)", ValueError, "limit must be a whole number from 1 on, got 0"),
    ("draw(square(), limit=None)", ValueError, "limit must be a whole number from 1 on, got None"),
    ("draw(square(), expand='nothing')", ValueError, "expand must be True, False or names from"),
    ("draw(square(), expand=['nothing'])", ValueError, "tanh, got 'nothing'"),
    ("draw(square(), expand=5)", TypeError, "expand must be True, False or names of operations, got int: 5"),
    ("draw(square(), expand=None)", TypeError, "expand must be True, False or names of operations, got NoneType"),
    ("draw(square(), highlight=5)", TypeError, "highlight takes a Value of the graph, got int: 5"),
    ("draw(square(), highlight='x')", TypeError, "highlight takes a Value of the graph, got str: 'x'"),
    ("draw(square(), highlight=Value(1.0, 'z'))", GraphError, "z cannot be highlighted: the output does not dep"),
    ("draw(square(), parameters=5)", TypeError, "parameters must be a list of Values, got int: 5"),
    ("draw(square(), parameters=leaf())", TypeError, "parameters must be a list of Values, got Value"),
    ("draw(square(), parameters=[5])", TypeError, "parameters must be a list of Values, got list: [5]"),
    ("draw(square(), title=5)", TypeError, "title must be a string, got int: 5"),
    ("draw(square(), title=None)", TypeError, "title must be a string, got NoneType: None"),
    ("draw(square(), derivatives='no')", TypeError, "derivatives must be True or False, got str: 'no'"),
    ("draw(square(), legend=None)", TypeError, "legend must be True or False, got NoneType: None"),
    ("draw(square(), colour='red')", TypeError, "unexpected keyword argument 'colour'"),
    ("draw(chain(600))", GraphTooLargeError, "the graph has 601 nodes, and more than limit=500 nodes"),
    ("draw(square(), limit=1)", GraphTooLargeError, "collapse it with depth=1"),
    ("draw(square()).save('graph.gif')", ValueError, "suffix must be one of .svg, .png, .pdf, .dot, got 'graph.gif'"),
    ("draw(square()).save('graph')", ValueError, "suffix must be one of .svg, .png, .pdf, .dot, got 'graph'"),
    ("draw(square()).save('')", ValueError, "suffix must be one of .svg, .png, .pdf, .dot, got ''"),
    ("draw(square()).save('nowhere/graph.svg')", FileNotFoundError, "graph.svg: there is no folder nowhere"),
    ("draw(square()).save(5)", TypeError, "save takes a path such as 'graph.svg', got int: 5"),
    ("draw(square()).save(None)", TypeError, "save takes a path such as 'graph.svg', got NoneType: None"),
    ("draw(square()).save('a\\0.svg')", ValueError, r"a path cannot hold the NUL character, got 'a\x00.svg'"),
    ("draw(square()).render('gif')", ValueError, "format must be one of svg, png, pdf, dot, got 'gif'"),
    ("draw(square()).render(None)", ValueError, "format must be one of svg, png, pdf, dot, got None"),
    ("Drawing(5)", TypeError, "source must be a string, got int: 5"),
    ("Drawing('digraph {}', engine='fdp')", ValueError, "engine must be one of dot, neato, got 'fdp'"),
    ("playground(5)", TypeError, "path"),
    ("playground('p.txt')", ValueError, "html"),
    ("playground(language='xx')", ValueError, "playground: language must be one of en, de, got 'xx'"),
    ("explore(5)", TypeError, "explore takes a recorded Value, or a model of nn, got int: 5"),
    ("explore([leaf()])", TypeError, "explore takes a recorded Value, or a model of nn, got list"),
    ("explore(square(), language='fr')", ValueError, "explore: language must be one of en, de, got 'fr'"),
    ("explore(square(), plane=5)", TypeError, "explore: plane must be a Plane, got int: 5"),
    ("autograd.Plane((1, 2), (leaf(),), X, Y)", TypeError, "a Plane's features must be two leaves"),
    ("autograd.Plane((leaf(), leaf()), (), X, Y)", ValueError, "a Plane needs two features and at least one prediction"),
    ("autograd.Plane((leaf(), leaf()), (square(),), X, Y[:1])", ValueError, "their classes (N,), got (2, 2) and (1,)"),
    ("explore(square(), wrt=5)", TypeError, "explore: wrt must be leaves of the graph"),
    ("explore(square(), wrt=[1.0])", TypeError, "explore: wrt must be leaves of the graph, got 1.0"),
    ("explore(square(), wrt=[square()])", TypeError, "explore: wrt must be leaves of the graph, got Value"),
    ("explore(square(), lr=INF)", ValueError, "explore: lr must be a finite number or several, got inf"),
    ("explore(square(), lr=[])", ValueError, "explore: lr must be a finite number or several, got []"),
    ("explore(square(), lr='fast')", TypeError, "explore: lr"),
    ("explore(square(), epochs=-1)", ValueError, "explore: epochs must be a whole number from 0 on, got -1"),
    ("explore(square(), epochs=True)", ValueError, "explore: epochs must be a whole number from 0 on, got True"),
    ("explore(square(), frames=1)", ValueError, "explore: frames must be a whole number from 2 on, got 1"),
    ("explore(square(), limit=0)", ValueError, "explore: limit must be a whole number from 1 on, got 0"),
    ("explore(square(), network='x')", TypeError, "explore: network must be a Drawing, got str: 'x'"),
    ("explore(square(), title=3)", TypeError, "explore: title must be a string, got int: 3"),
    ("explore(square(), runs=[3])", ValueError, "explore: runs must be Runs of 0 parameters (wrt), got 3"),
    ("explore(square(), 'page.svg')", ValueError, "the file's suffix must be one of .html, .htm, got 'page.svg'"),
    ("explore(square(), 'nowhere/page.html')", FileNotFoundError, "cannot save page.html: there is no folder nowhere"),
    ("explore(stale()[1])", GraphError, "the data of a was set after a mul node was recorded"),
    ("explore(chain(20_001))", GraphTooLargeError, "the graph has 20,002 nodes, and more than 20,000 are not explored"),
    ("explore(chain(400))", GraphTooLargeError, "limit=300"),
    ("Explorer('', '').save('page.txt')", ValueError, "the file's suffix must be one of .html, .htm, got 'page.txt'"),
    ("Run('x', [0], X, X, [1.0])", ValueError, "a Run needs an epoch for each of its 2 frames and a loss for every epoch"),
    ("Run('x', [0, 5], X, X, [1.0])", ValueError, "got 2 epochs and 1 losses"),
    ("Run('x', [0, 1], X, X[:1], [1.0, 1.0])", ValueError, "a Run's after must be (frames, parameters), got shape (1, 2)"),
    ("Run.kept(5, 1)", ValueError, "frames must be at least 2, got 1"),
    ("nn.explore_model(net(), X)", TypeError, "explore takes (X, y) with a model, got ndarray"),
    ("nn.explore_model(net(), 5)", TypeError, "explore takes (X, y) with a model, got int: 5"),
    ("nn.explore_model(net(), (X, Y), example=2)", IndexError, "example must be one of the 2 rows of the data, got 2"),
    ("nn.explore_model(net(), (X, Y), epochs=0)", ValueError, "epochs must be at least 1, got 0"),
    ("nn.explore_model(net(), (X, Y), lr=-1.0)", ValueError, "lr must be finite and at least 0, got -1.0"),
    ("nn.explore_model(net(), (X, Y), lr=[])", ValueError, "lr must be a number or several, got []"),
    ("nn.explore_model(net(), (X, Y), loss='best')", ValueError, "loss"),
    ("nn.explore_model(net(), (X, Y), inputs=['a'])", ValueError, "inputs must be 2 names, got ['a']"),
    ("nn.explore_model(net(), (X, Y), outputs='ab')", ValueError, "outputs must be 1 names, got 'ab'"),
    ("nn.explore_model(net(), (X, Y), frames=1)", ValueError, "frames must be at least 2, got 1"),
    ("nn.diagram(5)", TypeError, "diagram takes an MLP, a Layer or a Neuron, got int: 5"),
    ("nn.diagram(leaf())", TypeError, "diagram takes an MLP, a Layer or a Neuron, got Value"),
    ("nn.diagram(nn.Module())", TypeError, "diagram takes an MLP, a Layer or a Neuron, got Module"),
    ("nn.diagram(net(), color_by='size')", ValueError, "color_by must be 'data' or 'grad', got 'size'"),
    ("nn.diagram(net(), precision=0)", ValueError, "precision must be a whole number from 1 to 17, got 0"),
    ("nn.diagram(net(), max_neurons=2)", ValueError, "max_neurons must be at least 3, got 2"),
    ("nn.diagram(net(), inputs=['a'])", ValueError, "inputs must be 2 names, got ['a']"),
    ("nn.diagram(net(), inputs='ab')", ValueError, "inputs must be 2 names, got 'ab'"),
    ("nn.diagram(net(), outputs=5)", TypeError, "outputs must be 1 names, got int: 5"),
    ("nn.diagram(net(), title=5)", TypeError, "title must be a string, got int: 5"),
    ("nn.diagram(net(), legend='no')", TypeError, "legend must be True or False, got str: 'no'"),
]

NETWORKS = [
    ("MLP(0, [1])", ValueError, "n_in must be at least 1, got 0"),
    ("MLP(2.0, [1])", TypeError, "n_in must be an integer, got float: 2.0"),
    ("MLP('2', [1])", TypeError, "n_in must be an integer, got str: '2'"),
    ("MLP(True, [1])", TypeError, "n_in must be an integer, got bool: True"),
    ("MLP(2, [])", ValueError, "MLP needs the width of at least one layer, got an empty list"),
    ("MLP(2, 5)", TypeError, "MLP takes a list of layer widths such as [16, 16, 1], got int: 5"),
    ("MLP(2, None)", TypeError, "MLP takes a list of layer widths such as [16, 16, 1], got NoneType: None"),
    ("MLP(2, [3, -1])", ValueError, "the width of layer1 must be at least 1, got -1"),
    ("MLP(2, [1.5])", TypeError, "the width of layer0 must be an integer, got float: 1.5"),
    ("MLP(2, 'ab')", TypeError, "the width of layer0 must be an integer, got str: 'a'"),
    ("MLP(2, [3, 1], activation='rellu')", ValueError, "no activation is named 'rellu': choose one of linear, relu"),
    ("MLP(2, [3, 1], activation=5)", TypeError, "an activation is a name or a function of one Value, got int: 5"),
    ("MLP(2, [3, 1], activation=None)", TypeError, "a function of one Value, got NoneType: None"),
    ("MLP(2, [1], output_activation='soft')", ValueError, "no activation is named 'soft': choose one of linear"),
    ("MLP(2, [1], output_activation='softmax')", ValueError, "softmax of a single output is constant: use sigmoid"),
    ("MLP(2, [1], initializer='he')", ValueError, "no initializer is named 'he': choose one of uniform, normal, xavier_"),
    ("MLP(2, [1], initializer=5)", TypeError, "an initializer is a name or a function f(rng, n_in, n_out), got int"),
    ("MLP(2, [1], initializer=lambda *_: [1.0])", ValueError, "(n_out, n_in) = (1, 2), got (1,)"),
    ("MLP(2, [1], initializer=lambda *_: 'a')", TypeError, "array of numbers of shape (n_out, n_in) = (1, 2), got str"),
    ("MLP(2, [1], initializer=lambda *_: [[1.0, NAN]])", ValueError, "gave weights that are not finite"),
    ("nn.initializers.uniform('a', 'b')", TypeError, "uniform: low must be a number, got str: 'a'"),
    ("nn.initializers.uniform(0.0, None)", TypeError, "uniform: high must be a number, got NoneType: None"),
    ("nn.initializers.uniform(1.0, 0.0)", ValueError, "uniform needs finite bounds low <= high, got 1.0 and 0.0"),
    ("nn.initializers.uniform(0.0, INF)", ValueError, "uniform needs finite bounds low <= high, got 0.0 and inf"),
    ("nn.initializers.constant('a')", TypeError, "constant: value must be a number, got str: 'a'"),
    ("nn.initializers.constant(NAN)", ValueError, "constant: value must be finite, got nan"),
    ("nn.Neuron(0)", ValueError, "n_in must be at least 1, got 0"),
    ("nn.Neuron(2, 'softmax')", ValueError, "softmax needs all outputs of a layer: give it to a Layer or an MLP"),
    ("nn.Neuron(2)([1.0])", ValueError, "takes 2 inputs, got 1"),
    ("nn.Layer(2, 0)", ValueError, "n_out must be at least 1, got 0"),
    ("nn.Layer(2, 1, 'softmax')", ValueError, "softmax of a single output is constant"),
    ("nn.Layer(2, 2)([1.0, 2.0, 3.0])", ValueError, "takes 2 inputs, got 3"),
    ("net()([1.0])", ValueError, "layer0 takes 2 inputs, got 1"),
    ("net()([1.0, 2.0, 3.0])", ValueError, "layer0 takes 2 inputs, got 3"),
    ("net()(5.0)", ValueError, "layer0 takes 2 inputs, got 1"),
    ("net()(['a', 'b'])", TypeError, "takes a real number, got str: 'a'"),
    ("net()([1.0, None])", TypeError, "takes a real number, got NoneType: None"),
    ("net()([1j, 1.0])", TypeError, "takes a real number, got complex: 1j"),
    ("net()(X.tolist())", TypeError, "takes a real number, got list: [0.0, 1.0]"),
    ("Activation('mine', 5)", TypeError, "activation 'mine' must be a function of one Value, got int: 5"),
    ("assign(nn.Neuron(2), 'activation', 'soft')", ValueError, "no activation is named 'soft': choose one of"),
    ("assign(nn.Neuron(2), 'b', 'a')", TypeError, "Value takes a real number, got str: 'a'"),
    ("nn.Module()(1.0)", NotImplementedError, "Module computes nothing yet: define __call__(self, x)"),
    ("net().load_state_dict(5)", TypeError, "load_state_dict takes a mapping of names to numbers, got int"),
    ("net().load_state_dict({})", ValueError, "does not fit MLP: it comes without layer0.neuron0.w0"),
    ("one_by_one().load_state_dict({'w0': 1.0, 'b': 1.0})", ValueError, "does not fit Neuron: it comes with the unknown b"),
    ("one_by_one().load_state_dict({'w0': 'a'})", TypeError, "w0 must be a real number, got str: 'a'"),
    ("one_by_one().load_state_dict({'w0': np.array([1.0])})", TypeError, "w0 must be a real number, got ndarray"),
    ("one_by_one().load_state_dict({'w0': NAN})", ValueError, "w0 must be finite, got nan"),
    ("one_by_one().load_state_dict({'w0': HUGE})", ValueError, "w0 must be finite, got an integer beyond float64"),
    ("MLP(2, [1], activation='rellu')", ValueError, "no activation is named 'rellu': choose one of linear, relu"),
    ("MLP(2, [1], seed='a')", TypeError, "seed must be None, a non-negative integer or a numpy Generator, got str: 'a'"),
    ("MLP(2, [1], seed=-1)", ValueError, "seed must be None, a non-negative integer or a numpy Generator, got int: -1"),
    ("MLP(2, [1], bias='no')", TypeError, "bias must be True or False, got str: 'no'"),
    ("nn.Neuron(2, name=5)", TypeError, "name must be a string, got int: 5"),
    ("assign(nn.Neuron(2), 'w', 5)", TypeError, "w must be a sequence of Values and numbers, got int: 5"),
    ("net()(X)", TypeError, "layer0 takes one example, 2 Values or numbers: "),
    ("net()(None)", TypeError, "layer0 takes one example, 2 Values or numbers: "),
]

LOSSES_AND_OPTIMIZERS = [
    ("nn.mse_loss([leaf(), leaf()], [1.0])", ValueError, "a target for each output, got 2 outputs and 1 targets"),
    ("nn.mse_loss([], [])", ValueError, "mse_loss needs a target for each output, got 0 outputs and 0 targets"),
    ("nn.mse_loss(leaf(), 'a')", TypeError, "mse_loss takes real numbers as targets, got str: 'a'"),
    ("nn.mse_loss(leaf(), None)", TypeError, "mse_loss takes real numbers as targets, got NoneType: None"),
    ("nn.mse_loss(leaf(), NAN)", ValueError, "mse_loss takes a number that is not nan as target, got nan"),
    ("nn.half_squared_error(leaf(), [1.0, 2.0])", ValueError, "half_squared_error needs a target for each output"),
    ("nn.l1_loss(leaf(), 1j)", TypeError, "l1_loss takes real numbers as targets, got complex: 1j"),
    ("nn.huber_loss(leaf(), 1.0, delta=0.0)", ValueError, "huber_loss needs delta > 0, got 0.0"),
    ("nn.hinge_loss(leaf(), 0)", ValueError, "hinge_loss takes -1 or 1 as target, got 0"),
    ("nn.cross_entropy([leaf(), leaf()], 2)", ValueError, "cross_entropy takes a class label from 0 to 1, got 2"),
    ("nn.cross_entropy([leaf(), leaf()], -1)", ValueError, "cross_entropy takes a class label from 0 to 1, got -1"),
    ("nn.cross_entropy([leaf(), leaf()], 1.5)", ValueError, "takes an integer class label or a probability"),
    ("nn.cross_entropy([leaf(), leaf()], None)", TypeError, "integer class label or a probability for each class, got No"),
    ("nn.cross_entropy([leaf(), leaf()], True)", TypeError, "got bool: True"),
    ("nn.cross_entropy([leaf(), leaf()], [0.5, 0.6])", ValueError, "probabilities that sum to 1, got a sum of 1.1"),
    ("nn.cross_entropy([leaf(), leaf()], [-1.0, 2.0])", ValueError, "a number from 0 to 1 as target, got -1.0"),
    ("nn.cross_entropy(leaf(), 0)", TypeError, "cross_entropy takes a sequence of logits, one per class, got Value"),
    ("nn.binary_cross_entropy(Value(1.5), 1)", ValueError, "takes probabilities from 0 to 1, got 1.5: use"),
    ("nn.binary_cross_entropy(Value(0.5), 2)", ValueError, "takes a number from 0 to 1 as target, got 2"),
    ("nn.binary_cross_entropy_with_logits(leaf(), -1)", ValueError, "takes a number from 0 to 1 as target, got -1"),
    ("SGD([], lr=0.1)", ValueError, "SGD needs at least one parameter, got none"),
    ("SGD(net(), lr=0.1)", TypeError, "SGD takes a list of Values to update, such as model.parameters(), got MLP"),
    ("SGD(leaf(), lr=0.1)", TypeError, "SGD takes a list of Values to update, such as model.parameters(), got Value"),
    ("SGD(None, lr=0.1)", TypeError, "such as model.parameters(), got NoneType: None"),
    ("SGD([5.0], lr=0.1)", TypeError, "SGD updates Values, got float: 5.0"),
    ("SGD([square()], lr=0.1)", ValueError, "SGD updates leaves, and Value(data=4.0, grad=0.0, label='y') was comp"),
    ("SGD([leaf()] * 2, lr=0.1)", ValueError, "SGD was given the same parameter twice"),
    ("SGD([leaf()])", TypeError, "missing 1 required positional argument: 'lr'"),
    ("sgd(lr=-0.1)", ValueError, "lr must be finite and at least 0, got -0.1"),
    ("sgd(lr=NAN)", ValueError, "lr must be finite and at least 0, got nan"),
    ("sgd(lr=HUGE)", ValueError, "lr must be finite and at least 0, got an integer beyond float64"),
    ("sgd(lr='fast')", TypeError, "lr must be a number, got str: 'fast'"),
    ("sgd(lr=None)", TypeError, "lr must be a number, got NoneType: None"),
    ("sgd(lr=True)", TypeError, "lr must be a number, got bool: True"),
    ("sgd(lr=[0.1])", TypeError, "lr must be a number, got list: [0.1]"),
    ("sgd(lr=Value(0.1))", TypeError, "lr must be a number, got Value"),
    ("assign(sgd(), 'lr', -1)", ValueError, "lr must be finite and at least 0, got -1"),
    ("sgd(momentum=-1)", ValueError, "momentum must be finite and at least 0, got -1"),
    ("sgd(dampening=INF)", ValueError, "dampening must be finite, got inf"),
    ("sgd(weight_decay='a')", TypeError, "weight_decay must be a number, got str: 'a'"),
    ("sgd(nesterov=True)", ValueError, "nesterov needs momentum above 0 and dampening 0, got momentum=0.0"),
    ("sgd(nesterov='no')", TypeError, "nesterov must be True or False, got str: 'no'"),
    ("sgd(momentun=0.9)", TypeError, "unexpected keyword argument 'momentun'"),
    ("nn.Optimizer([leaf()], 0.1)", TypeError, "Can't instantiate abstract class Optimizer"),
    ("nn.batches(0)", ValueError, "n must be at least 1, got 0"),
    ("nn.batches(2.5)", TypeError, "n must be an integer, got float: 2.5"),
    ("nn.batches(5, 0)", ValueError, "batch_size must be at least 1, got 0"),
    ("nn.batches(5, True)", TypeError, "batch_size must be an integer, got bool: True"),
    ("nn.batches(5, 2, shuffle='no')", TypeError, "shuffle must be True or False, got str: 'no'"),
    ("nn.batches(5, 2, seed='a')", TypeError, "seed must be None, a non-negative integer or a numpy Generator, got str"),
    ("nn.batches(5, 2, seed=-1)", ValueError, "a non-negative integer or a numpy Generator, got int: -1"),
    ("nn.mse_loss('a', 1.0)", TypeError, "mse_loss takes Values and real numbers, got str: 'a'"),
    ("nn.mse_loss([leaf(), None], [1.0, 1.0])", TypeError, "mse_loss takes Values and real numbers, got NoneType: None"),
    ("nn.binary_cross_entropy('a', 1)", TypeError, "binary_cross_entropy takes Values and real numbers, got str: 'a'"),
    ("nn.huber_loss(leaf(), 1.0, delta='a')", TypeError, "huber_loss: delta must be a number, got str: 'a'"),
    ("nn.cross_entropy([leaf(), leaf()], 'a')", TypeError, "an integer class label or a probability for each class, got str"),
    ("nn.cross_entropy([], 0)", ValueError, "cross_entropy needs at least one logit, got an empty sequence"),
    ("nn.cross_entropy('ab', 0)", TypeError, "cross_entropy takes a sequence of logits, one per class, got str"),
]

TRAINING = [
    ("train(X=[])", ValueError, "X has no data: its shape is (0,)"),
    ("train(X=[[], []])", ValueError, "X has no data: its shape is (2, 0)"),
    ("train(X=5, y=5)", ValueError, "X must have the shape (N, D), got ()"),
    ("train(X=None)", TypeError, "X must be numbers in rows of one length, got NoneType: None"),
    ("train(X=[1.0, 2.0])", ValueError, "X must have the shape (N, D), got (2,); for a single feature X.reshape"),
    ("train(X=[[1.0, 2.0], [1.0]])", ValueError, "row 1 of X has 1 features, and the model takes 2"),
    ("train(X=[[1.0], [2.0]])", ValueError, "X has 1 features, and the model takes 2"),
    ("train(X=[['a', 'b']] * 2)", TypeError, "X must be real numbers, got an array of <U1"),
    ("train(X=[[1.0, None]] * 2)", TypeError, "X must be numbers in rows of one length, got NoneType in row 0, column 1"),
    ("train(X=[[1.0, 1j]] * 2)", TypeError, "X must be real numbers, got an array of complex128"),
    ("train(X=[[1.0, NAN]] * 2)", ValueError, "X must be finite, got nan in row 0, column 1"),
    ("train(X=[[1.0, 2.0], [INF, 2.0]])", ValueError, "X must be finite, got inf in row 1, column 0"),
    ("train(X=[[1.0, HUGE]] * 2)", ValueError, "X must be finite, got an integer beyond float64"),
    ("train(y=[1.0])", ValueError, "X and y must have one row per example, got 2 and 1 rows"),
    ("train(y=[1.0, NAN])", ValueError, "y must be finite, got nan in row 1"),
    ("train(y=['a', 'b'])", TypeError, "y must be real numbers, got an array of <U1"),
    ("train(y=[[[1.0]]] * 2)", ValueError, "y must have the shape (N,) or (N, K), got (2, 1, 1)"),
    ("train(y=[[1.0, 2.0]] * 2)", ValueError, "row 0 of y: mse_loss needs a target for each output, got 1 outputs"),
    ("train(y=[1, 0], loss='hinge_loss')", ValueError, "row 1 of y: hinge_loss takes -1 or 1 as target, got 0"),
    ("train(loss='mse')", ValueError, "no loss is named 'mse': choose one of mse_loss"),
    ("train(loss=5)", TypeError, "a loss is a name or a function loss(prediction, target), got int: 5"),
    ("train(loss=lambda p, t: 5)", TypeError, "the loss must return one Value, and of row 0 of y it returned int: 5"),
    ("train(loss=lambda p: p)", TypeError, "takes 1 positional argument but 2 were given"),
    ("train(epochs=0)", ValueError, "epochs must be at least 1, got 0"),
    ("train(epochs=1.5)", TypeError, "epochs must be an integer, got float: 1.5"),
    ("train(epochs=None)", TypeError, "epochs must be an integer, got NoneType: None"),
    ("train(batch_size=0)", ValueError, "batch_size must be at least 1, got 0"),
    ("train(batch_size='all')", TypeError, "batch_size must be an integer, got str: 'all'"),
    ("train(optimizer='sgd')", TypeError, "optimizer must be an Optimizer such as SGD(model.parameters(), lr=0.1)"),
    ("train(optimizer=SGD)", TypeError, "missing 1 required positional argument: 'lr'. Pass one, such as SGD"),
    ("train(optimizer=sgd())", ValueError, "1 of the optimizer's 1 parameters are not the model's: make it from"),
    ("train(optimizer=lambda parameters: 5)", TypeError, "makes one from the parameters, got int: 5"),
    ("train(backend='gpu')", ValueError, "backend must be one of 'auto', 'eager'"),
    ("train(shuffle='no')", TypeError, "shuffle must be True or False, got str: 'no'"),
    ("train(progress='no')", TypeError, "progress must be True or False, got str: 'no'"),
    ("train(seed='a')", TypeError, "seed must be None, a non-negative integer or a numpy Generator, got str: 'a'"),
    ("train(seed=-1)", ValueError, "seed must be None, a non-negative integer or a numpy Generator, got int: -1"),
    ("train(validation=5)", TypeError, "validation must be a pair (X, y), got int: 5"),
    ("train(validation=(X,))", TypeError, "validation must be a pair (X, y), got tuple"),
    ("train(validation=([[1.0]], [1.0]))", ValueError, "validation X has 1 features, and the model takes 2"),
    ("train(callbacks=5)", TypeError, "callbacks must be a list of functions callback(epoch, history), got int: 5"),
    ("train(callbacks=print)", TypeError, "callbacks must be a list of functions callback(epoch, history), got buil"),
    ("train(callbacks=[5])", TypeError, "callbacks must be a list of functions callback(epoch, history), got list"),
    ("train(optimizer=diverging, epochs=5)", DivergenceError, "lower the learning rate (it is 1e+300)"),
    ("fit(5, X, Y, loss='mse_loss', optimizer=SGD, epochs=1)", TypeError, "fit trains a Module, such as an MLP, got int"),
    ("fit(net(), X, Y)", TypeError, "missing 3 required keyword-only arguments: 'loss', 'optimizer', and 'epochs'"),
    ("nn.History(loss=[1.0]).to_csv('nowhere/history.csv')", FileNotFoundError, "nowhere/history.csv"),
]
EXPLAINING = [
    ("explain(2.0, leaf())", TypeError, "output must be a Value, got float: 2.0"),
    ("explain(square(), None)", TypeError, "inputs must be a Value, got NoneType: None"),
    ("explain(square(), leaf(), digits=0)", ValueError, "digits must be a whole number from 1 to 17, got 0"),
    ("explain(square(), leaf(), digits='a')", ValueError, "digits must be a whole number from 1 to 17, got 'a'"),
    ("explain(square(), leaf(), max_paths=-1)", ValueError, "max_paths must be a whole number from 1 to 1000000, got -1"),
    ("explain(*stale()[::-1])", GraphError, "the data of a was set after"),
    ("Derivation()", TypeError, "missing 8 required positional arguments"),
    ("Problem.of(2.0, [leaf()])", TypeError, "output must be a Value, got float: 2.0"),
    ("Problem.of(square(), [])", ValueError, "wrt is empty, so there is nothing to train"),
    ("check_workbook(5, None)", TypeError, "check_workbook takes a path such as 'training.xlsx', got int: 5"),
    ("check_workbook('a.csv', 5)", TypeError, "check_workbook takes a Problem, such as Problem.of(loss, weights), got int: 5"),
    ("check_values([1.0], {'y': square()})", TypeError, "the numbers must be a mapping of names to numbers and arrays"),
    ("check_values({'y': 1.0}, 5)", TypeError, "the problem must be a recorded graph: a mapping of names to arrays of Values"),
    ("check_values({'y': 1.0}, {'y': 5.0})", TypeError, "each array of the problem must hold Values, and 'y' is float: 5.0"),
    ("check_values({'y': 1.0}, {'x': leaf()})", ValueError, "is the loss? Call one of them loss"),
    ("check_values({'y': 1.0}, {'y': square()}, rate='fast')", TypeError, "check_values: rate takes a real number, got str: 'fast'"),
    ("check_values({'y': 1.0}, {'y': square()}, rate=NAN)", ValueError, "the rate must be a finite number, got nan"),
    ("check_values({'y': 1.0}, {'y': square()}, previous={'q': 1.0})", ValueError, "previous takes what is given to the graph by name, and 'q' is not"),
    ("check_values({'y': 1.0}, {'y': square()}, previous=5)", TypeError, "previous must be a mapping of names to numbers, got int: 5"),
    ("check_gradients(5, square, [1.0])", TypeError, "the student's function must be callable, got int: 5"),
    ("check_gradients(square, 5, [1.0])", TypeError, "the reference must be callable, got int: 5"),
    ("check_gradients(abs, abs, 5)", TypeError, "inputs must be a mapping of names to numbers and arrays, or a list of them"),
    ("check_gradients(abs, lambda x: 'loss', [1.0])", TypeError, "the reference must return the loss, one Value, or a mapping such as locals()"),
    ("check_gradients(abs, lambda x: [x, x], [1.0])", TypeError, "got list of shape (2,); of a layer alone return sum(upstream * output)"),
    ("check_engine(5)", TypeError, "check_engine takes the class itself, got int: 5"),
    ("check_engine(str)", TypeError, "needs .data, .grad and .backward(), and has no .data"),
    ("save_workbook(2.0, [leaf()], 'a.xlsx')", TypeError, "output must be a Value, got float: 2.0"),
    ("save_workbook(square(), [2.0], 'a.xlsx')", TypeError, "each of wrt must be a Value, got float: 2.0"),
    ("save_workbook(square(), 5, 'a.xlsx')", TypeError, "wrt must be a Value or a sequence of them, got int: 5"),
    ("save_workbook(square(), [], 'a.xlsx')", ValueError, "wrt is empty, so there is nothing to train"),
    ("save_workbook(square(), [square()], 'a.xlsx')", ValueError, "was computed; wrt takes the leaves that are trained"),
    ("save_workbook(square(), [leaf()] * 2, 'a.xlsx')", ValueError, "wrt names x twice"),
    ("save_workbook(square(), leaf(), 'a.xls')", ValueError, "the file's suffix must be one of .xlsx, .csv, got 'a.xls'"),
    ("save_workbook(square(), leaf(), 5)", TypeError, "save takes a path such as 'training.xlsx', got int: 5"),
    ("save_workbook(square(), leaf(), 'no/a.xlsx')", FileNotFoundError, "cannot save a.xlsx: there is no folder no"),
    ("save_workbook(square(), leaf(), 'a.xlsx', epochs=0)", ValueError, "epochs must be a whole number from 1 on, got 0"),
    ("save_workbook(square(), leaf(), 'a.xlsx', epochs=True)", ValueError, "epochs must be a whole number from 1 on, got True"),
    ("save_workbook(square(), leaf(), 'a.xlsx', epochs=2_000_000)", GraphTooLargeError, "would have 2000008 rows, more than 1048576"),
    ("save_workbook(square(), leaf(), 'a.xlsx', lr='fast')", TypeError, "lr takes a real number, got str: 'fast'"),
    ("save_workbook(square(), leaf(), 'a.xlsx', lr=NAN)", ValueError, "lr must be finite, got nan"),
    ("save_workbook(square(), leaf(), 'a.xlsx', optimizer='adam')", ValueError, 'knows the optimizer "sgd", got \'adam\''),
    ("save_workbook(*not_in_cells(), 'a.xlsx')", ValueError, "the primitive 'no_cells' has no spreadsheet formula"),
    ("save_workbook(*with_data(NAN), 'a.xlsx')", ValueError, "all leaves must be finite, and w is nan"),
]

COMPILING = [
    ("compile(3.0, leaf())", TypeError, "compile: output must be Values, got float: 3.0"),
    ("compile(leaf(), 'x')", TypeError, "compile: wrt must be Values, got str: 'x'"),
    ("compile(leaf(), 3)", TypeError, "compile: wrt must be Values, got int: 3"),
    ("compile(leaf(), leaf(), [1.0])", TypeError, "compile: inputs must be Values, got float: 1.0"),
    ("compile(leaf(), [])", ValueError, "the output depends on x (data 2.0), which is neither in wrt nor in inputs"),
    ("compile(square(), [square()])", ValueError, "compile: wrt must be leaves, and"),
    ("compile([], leaf())", ValueError, "compile needs at least one output, got none"),
    ("compile(w := leaf(), [w, w])", ValueError, "compile: 1 of wrt and inputs are given twice: each leaf has one place"),
    ("compile(w := leaf(), w, reduce='max')", ValueError, "reduce must be 'mean' or 'sum', got 'max'"),
    ("find_backend('torch')", ValueError, "backend must be one of 'numpy', 'llvm', 'jax', got 'torch'"),
    ("compile(w := leaf(), w, backend='torch')", ValueError, "backend must be one of 'auto', 'numpy', 'llvm', 'jax', got 'torch'"),
    ("compile(w := leaf(), w, dtype='float16')", ValueError, "dtype must be float64 or float32, got float16"),
    ("compile(w := leaf(), w, dtype='real')", TypeError, "dtype must be float64 or float32, got 'real'"),
    ("array_program()([1.0, 2.0])", ValueError, "parameters must have the shape (1,), one number for each of wrt, got (2,)"),
    ("array_program()(['a'])", TypeError, "parameters must be real numbers, got an array of <U1"),
    ("array_program()([1.0], [1.0, 2.0])", ValueError, "batch must have the shape (B, 0), got (2,)"),
    ("array_program().evaluate([1j])", TypeError, "parameters must be real numbers, got an array of complex128"),
    ("array_program().descend([1.0], None, rate=0.1)", TypeError, "give a writable array of float64, contiguous"),
    ("array_program().descend(np.ones(1), None, rate='fast')", ValueError, "could not convert string to float: 'fast'"),
    ("array_program().descend(np.ones(1), None, rate=0.1, steps=0)", ValueError, "descend: steps must be a whole number from 1 on, got 0"),
    ("Program(leaf())", TypeError, "missing 5 required positional arguments"),
    ("Training.of(Y, X, [], 0.1)", ValueError, "a training has at least one batch, got none"),
    ("Training()", TypeError, "missing 7 required positional arguments: 'state', 'parameters', 'updated'"),
    ("warn_on_comparison(False, True)", TypeError, "takes from 0 to 1 positional arguments but 2 were given"),
]

# What a course needs besides.
BESIDES = [
    ("write_text(3, 'a')", TypeError, "write_text takes a path, got int: 3"),
    ("write_bytes('a', 'text')", TypeError, "write_bytes takes bytes to write, got str: 'text'"),
    ("write_bytes(b'a', b'')", TypeError, "write_bytes takes a path, got bytes: b'a'"),
    ("write_bytes('.', b'')", IsADirectoryError, "a file is to be written, and this names a folder: '.'"),
    ("write_bytes('a/', b'')", IsADirectoryError, "a file is to be written, and this names a folder: 'a/'"),
    ("write_csv(3, ['a'], [])", TypeError, "write_csv takes a path, got int: 3"),
    ("write_csv('a', ['a\\udc00'], [])", ValueError, "half of a surrogate pair and no character: 'a\\udc00"),
    ("require_writable(3)", TypeError, "require_writable takes a path, got int: 3"),
    ("write_text('note.txt', b'a')", TypeError, "write_text takes a string to write, got bytes"),
    ("nn.Dropout(p=1.5)", ValueError, "p must be from 0 to below 1, got 1.5"),
    ("nn.Dropout('half')", TypeError, "p must be a number, got str: 'half'"),
    ("Dropout(seed='today')", TypeError, "seed must be None, a non-negative integer or a numpy Generator, got str"),
    ("Linear(2, 0)", ValueError, "out_features must be at least 1, got 0"),
    ("Linear(2, 1)([1.0])", ValueError, "a Linear takes 2 inputs, got 1"),
    ("Embedding('a', 2)", TypeError, "num_embeddings must be an integer, got str: 'a'"),
    ("Embedding(3, 2)(3)", IndexError, "Embedding takes whole numbers from 0 to 2, got 3"),
    ("RMSNorm(2, eps='small')", TypeError, "eps must be a number, got str: 'small'"),
    ("LayerNorm([2, 3])", TypeError, "normalized_shape must be an integer, got list: [2, 3]"),
    ("GELU('erf')", ValueError, 'gelu: approximate must be "none" or "tanh", got \'erf\''),
    ("FeedForward(2.0)", TypeError, "n_embd must be an integer, got float: 2.0"),
    ("SwiGLU(2, bias='yes')", TypeError, "bias must be True or False, got str: 'yes'"),
    ("MixtureOfExperts(2, 2, top_k=3)", ValueError, "top_k must be from 1 to n_expert=2, got 3"),
    ("CausalSelfAttention(4, 3)", ValueError, "n_head must divide n_embd, got n_head=3 and n_embd=4"),
    ("CausalSelfAttention(2, 1).step([1.0], KeyValueCache())", ValueError, "takes 2 inputs, got 1"),
    ("TransformerBlock(2, 1)([1.0, 2.0])", TypeError, "takes a sequence of vectors of 2 numbers, got list"),
    ("GPT(3, 2)([0, 1, 2])", ValueError, "GPT takes up to block_size=2 tokens, got 3"),
    ("GPT(3, 2).generate([3])", IndexError, "generate takes whole numbers from 0 to 2, got 3"),
    ("GPT(3, 2, norm='batch')", ValueError, "no norm is named 'batch': choose one of rms, layer"),
    ("LoRA(net())", TypeError, "LoRA takes a Linear map, got"),
    ("add_lora(GPT(3, 2), names='queries')", ValueError, "no Linear of this model is called 'queries'"),
    ("merge_lora(GPT(3, 2))", ValueError, "merge_lora takes a model with a LoRA in it, got GPT("),
    ("Sequential()", ValueError, "Sequential needs at least one module, got none"),
    ("Sequential(Layer(1, 1), 3)", TypeError, "Sequential takes modules, got int: 3"),
    ("MLP(2, [3, 1], dropout=1.0)", ValueError, "dropout must be from 0 to below 1, got 1.0"),
    ("net().train('yes')", TypeError, "mode must be True or False, got str: 'yes'"),
    ("Adagrad([leaf()], lr=-1)", ValueError, "lr must be finite and at least 0, got -1"),
    ("RMSprop([leaf()], alpha=2)", ValueError, "alpha must be from 0 to 1, got 2"),
    ("Adam([leaf()], betas=0.9)", TypeError, "betas must be a pair of numbers, got float: 0.9"),
    ("AdamW([leaf()], weight_decay=-1)", ValueError, "weight_decay must be finite and at least 0, got -1"),
    ("clip_grad_norm_([leaf()], 0.0)", ValueError, "max_norm must be above 0, got 0.0"),
    ("clip_grad_value_([leaf()], 'a')", TypeError, "clip_value must be a number, got str: 'a'"),
    ("gradient_norm(3)", TypeError, "'int' object is not iterable"),
    ("StepLR(leaf(), 3)", TypeError, "StepLR sets the learning rate of an Optimizer, got Value"),
    ("ExponentialLR(SGD([leaf()], 0.1), gamma=-1)", ValueError, "gamma must be above 0, got -1"),
    ("CosineAnnealingLR(SGD([leaf()], 0.1), T_max=0)", ValueError, "T_max must be at least 1, got 0"),
    ("LinearLR(SGD([leaf()], 0.1), end_factor=2)", ValueError, "end_factor must be from 0 to 1, got 2"),
    ("LinearWarmup(SGD([leaf()], 0.1), start_factor=2)", ValueError, "start_factor must be from 0 to 1, got 2"),
    ("Schedule(SGD([leaf()], 0.1))", TypeError, "abstract"),
    ("Watch(3)", TypeError, "Watch takes a function of the epoch and the history, got int: 3"),
    ("EarlyStopping(net(), patience=0)", ValueError, "patience must be at least 1, got 0"),
    ("Checkpoint(None)", TypeError, "Checkpoint takes a path, got NoneType"),
    ("MultiStepLR(SGD([leaf()], 0.1), [3, 1.5])", TypeError, "a milestone must be an integer, got float: 1.5"),
    ("LambdaLR(SGD([leaf()], 0.1), 0.9)", TypeError, "lr_lambda must be a function of the epoch, got float: 0.9"),
    ("ReduceLROnPlateau(SGD([leaf()], 0.1), 'least')", ValueError, "mode must be 'min' or 'max', got 'least'"),
    ("of_labels('recall')", TypeError, "of_labels takes a metric(y_true, y_pred), got str: 'recall'"),
    ("net().predict([0.0, 1.0])", ValueError, "X must have the shape (N, D), got (2,); for a single feature X.reshape(-1, 1), for one"),
    ("fit(m := net(), X, Y, loss='mse_loss', optimizer=SGD(m.parameters(), 0.1), epochs=1, sample_weight=[1, -1])", ValueError, "sample_weight must be at least 0, got -1.0 in row 1"),
    ("fit(m := net(), X, Y, loss='mse_loss', optimizer=SGD(m.parameters(), 0.1), epochs=1, class_weight={0: 1})", ValueError, "class_weight has no weight for the label 1.0 in row 0 of y: it has 0"),
    ("fit(m := net(), X, Y, loss='mse_loss', optimizer=SGD(m.parameters(), 0.1), epochs=1, validation_split=0.9)", ValueError, "validation_split=0.9 of 2 examples leaves none to train with"),
    ("accuracy([1.0], [1.0, 2.0])", ValueError, "accuracy takes a prediction for each target, got 1 targets and 2"),
    ("mean_absolute_error(['a'], [1.0])", ValueError, "mean_absolute_error takes targets and predictions that are numbers"),
    ("r2_score([], [])", ValueError, "r2_score takes shapes (N,) or (N, K), got (0,) and (0,)"),
    ("save('model', 'm.json')", TypeError, "save takes a Module, such as an MLP, got str: 'model'"),
    ("load('m.json')", FileNotFoundError, "m.json"),
    ("load(3)", TypeError, "load takes a path, got int: 3"),
    ("to_torch('model')", TypeError, "to_torch takes an MLP, a Layer or a Sequential of them and Dropouts, or a part of a transformer, got str"),
    ("to_onnx(net(), 3)", TypeError, "to_onnx takes a path, got int: 3"),
    ("nn.History([1.0]).best('f1')", ValueError, "no column is named 'f1': there are loss"),
    ("LossCurve([])", ValueError, "a loss curve needs at least one loss, got shape (0,)"),
    ("nn.History().plot()", ValueError, "there is nothing to plot: no epoch was completed"),
    ("fit(net(), X, Y, loss='mse_loss', optimizer=SGD(net().parameters(), 0.1), epochs=1, metrics='accuracy')", ValueError, "of the optimizer's"),
    ("fit(m := net(), X, Y, loss='mse_loss', optimizer=SGD(m.parameters(), 0.1), epochs=1, metrics='accuracy')", TypeError, "metrics must be a list of names and functions, got str: 'accuracy'"),
    ("fit(m := net(), X, Y, loss='mse_loss', optimizer=SGD(m.parameters(), 0.1), epochs=1, metrics=['f1'])", ValueError, "no metric is named 'f1': choose one of accuracy, mean_absolute_error, r2_score"),
    ("fit(m := net(), X, Y, loss='mse_loss', optimizer=SGD(m.parameters(), 0.1), epochs=1, metrics=[3])", TypeError, "a metric is a name or a function metric(y_true, y_pred), got int: 3"),
    ("fit(m := net(), X, Y, loss='mse_loss', optimizer=SGD(m.parameters(), 0.1), epochs=1, clip_norm=0)", ValueError, "clip_norm must be above 0, got 0"),
    ("fit(m := net(), X, Y, loss='mse_loss', optimizer=SGD(m.parameters(), 0.1), epochs=1, clip_value='a')", TypeError, "clip_value must be a number, got str"),
    ("fit(m := net(), X, Y, loss='mse_loss', optimizer=SGD(m.parameters(), 0.1), epochs=1, schedule=0.9)", TypeError, "schedule must be a Schedule such as StepLR(optimizer, step_size=10)"),
    ("fit(m := net(), X, Y, loss='mse_loss', optimizer=SGD(m.parameters(), 0.1), epochs=1, schedule=StepLR(SGD([leaf()], 0.1), 2))", ValueError, "another optimizer than the one given"),
    ("fit(m := net(), X, Y, loss='mse_loss', optimizer=SGD(m.parameters(), 0.1), epochs=1, resume='none.json')", FileNotFoundError, "none.json"),
]

# fmt: on
ROWS = [
    *VALUES,
    *ARITHMETIC,
    *FUNCTIONS,
    *DIFFERENTIATION,
    *PRIMITIVES,
    *DRAWING,
    *EXPLAINING,
    *COMPILING,
    *NETWORKS,
    *LOSSES_AND_OPTIMIZERS,
    *TRAINING,
    *BESIDES,
]


# What Python itself says, and how it says it where the class is compiled.
OF_A_COMPILED_CLASS = {
    "missing 1 required positional argument: 'data'": "takes at least 1 positional argument (0 given)",
    "property 'op' of 'Value' object has no setter": "attribute 'op' of 'Value' objects is not writable",
    "property 'parents' of 'Value' object has no setter": "'parents' of 'Value' objects is not writable",
    "takes 1 positional argument but 2 were given": "takes exactly",
}


@pytest.mark.parametrize(("call", "error", "said"), ROWS, ids=[call for call, *_ in ROWS])
def test_a_wrong_call_is_refused_with_the_error_that_fits(call, error, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception) as caught:  # noqa: PT011  # the exact type is asserted below
        eval(call, {**PUBLIC, **globals()})
    assert type(caught.value) is error
    message = str(caught.value).replace(
        "autograd.engine.value.Value", "Value"
    )  # as a compiled class is called
    assert said in message or (autograd.engine.compiled and OF_A_COMPILED_CLASS.get(said, said) in message)
    assert len(message.replace(str(Path(__file__).parent), "")) < 400
    assert list(tmp_path.iterdir()) == []


# --- the command lines of the demos -------------------------------------------------------------------

COMMANDS = [
    ("moon", "no demo 'moon'; there is: assignment"),
    ("", "no demo ''"),
    ("assignment --lr fast", "--lr takes numbers, got 'fast'"),
    ("assignment --out a b", "--out takes the name of one folder, got 'a b'"),
    ("assignment --rate 1", "unrecognized arguments: --rate 1"),
    ("check", "the following arguments are required: SHEET"),
    ("check a.csv --lr fast", "--lr takes a number, got 'fast'"),
    ("check a.csv --lr 0", "--lr must be a number greater than 0, got 0"),
    ("check a.csv b.csv", "unrecognized arguments: b.csv"),
    ("check a.csv", "there is no file a.csv"),
    ("check .", "there is no sheet in .: it takes .xlsx, .ods, .xls and .csv files"),
    ("order --out a b", "--out takes the name of one folder, got 'a b'"),
    ("order --quick yes", "unrecognized arguments: yes"),
    ("order --out ", "--out takes the name of one folder"),
    ("order --quick=1", "argument --quick: ignored explicit argument '1'"),
    ("order --qui", "unrecognized arguments: --qui"),
    ("order --sed 1", "unrecognized arguments: --sed 1"),
    ("order depth", "unrecognized arguments: depth"),
    ("order --epochs 5", "unrecognized arguments: --epochs 5"),
    ("variants --seed x", "--seed takes a whole number, got 'x'"),
    ("variants --quick yes", "unrecognized arguments: yes"),
    ("rates --seed 1.5", "--seed takes a whole number, got '1.5'"),
    ("rates --lr 0.1", "unrecognized arguments: --lr 0.1"),
    ("playground --out a b", "--out takes the name of one folder, got 'a b'"),
    ("gpt --steps 0", "--steps"),
    ("gpt --seed x", "--seed takes a whole number, got 'x'"),
    ("playground --quick", "unrecognized arguments: --quick"),
    ("moons --seed -1", "--seed must be from 0 to"),
    ("moons --out a b", "--out takes the name of one folder, got 'a b'"),
    ("digits --quick=1", "argument --quick: ignored explicit argument '1'"),
    ("digits --epochs 5", "unrecognized arguments: --epochs 5"),
    ("digits --seed x", "--seed takes a whole number, got 'x'"),
    ("lesson --seed x", "--seed takes a whole number, got 'x'"),
    ("lesson --quick yes", "unrecognized arguments: yes"),
    ("lesson --epochs 5", "unrecognized arguments: --epochs 5"),
    ("regression --seed x", "--seed takes a whole number, got 'x'"),
    ("regression --seed -1", "--seed must be from 0 to 4294967295, got -1"),
    ("regression --quick=1", "argument --quick: ignored explicit argument '1'"),
    ("regression --epochs 5", "unrecognized arguments: --epochs 5"),
]


@pytest.mark.parametrize(("words", "said"), COMMANDS, ids=[f"demos {words}" for words, _ in COMMANDS])
def test_a_wrong_command_gets_one_line_and_status_2(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert runner.main(words.split(" ")) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    demo = words.split(" ")[0]
    assert captured.err.startswith(
        f"python -m demos {demo}: error: " if demo in runner.names() else "python -m demos: "
    )
    assert said in captured.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", runner.names())
def test_every_demo_has_wrong_commands_here(name):
    assert any(words.startswith(f"{name} ") for words, _ in COMMANDS)


# --- that nothing is left out -------------------------------------------------------------------------

NOT_CALLED = {
    "PALETTE", "ACTIVATIONS", "INITIALIZERS", "LOSSES", "METRICS",  # tables
    "Check", "GradcheckReport",  # what `gradcheck` returns
    "HandwrittenReport", "Mistake",  # what the checks of hand-written code return
    "WorkbookReport",  # what `check_workbook` returns
    "ComparisonWarning", "DetachedWarning",  # what `warn_on_comparison` and float() warn with
    "is_number", "peek", "rank_backends", "updates_at_once", "Readings", "readings",  # they take anything, and are for `nn`
    "no_grad", "note_lines",  # take no arguments
    "from_torch",  # knows what it is given by torch alone: see tests/nn/test_exchange.py
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if not row.vectors])
def test_every_primitive_refuses_text(name):
    """In the place of its first argument; the others are `Value`s."""
    count = sum(p.default is p.empty for p in signature(TABLE[name].forward).parameters.values())
    with pytest.raises(TypeError, match=r"real numbers?\b.* got .*'a'"):
        TABLE[name]("a", *[leaf() for _ in range(count - 1)])


@pytest.mark.parametrize("package", [autograd, nn], ids=["autograd", "nn"])
def test_every_public_name_has_a_wrong_call(package):
    """A new name comes with its rows, a new primitive without: see above."""
    called = {name for call, *_ in ROWS for name in compile(call, "row", "eval").co_names}
    called |= {"primitive", "Primitive", "detect_anomaly"}  # within the functions at the top
    called |= {name for name, row in TABLE.items() if not row.vectors}
    errors = {name for name in package.__all__ if str(name).endswith("Error")}
    assert set(package.__all__) - called - errors - NOT_CALLED == set()


@pytest.mark.render
def test_text_that_graphviz_cannot_read():
    with pytest.raises(ValueError, match=r"Graphviz cannot read this as DOT text: 'digraph \{'"):
        Drawing("digraph {").render("svg")


def test_text_that_the_program_dot_cannot_read(monkeypatch):
    """Without pygraphviz it is the program that says so."""
    graphviz = importlib.import_module("graphviz")

    def pipe(*args, **options):
        raise graphviz.CalledProcessError(1, ["dot"], stderr=b"syntax error in line 1")

    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    monkeypatch.setattr(graphviz, "pipe", pipe)
    with pytest.raises(
        ValueError, match=r"cannot read this as DOT text: 'digraph \{' .*syntax error in line 1"
    ):
        Drawing("digraph {").render("svg")
