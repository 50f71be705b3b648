cimport cython
from .node cimport Current, Note, noted, renoted
from .rule cimport Rule

cdef Current current
cdef Note _CONSTANT
cdef object ADD, SUB, MUL, DIV, NEG, ABS, MOD, FLOORDIV, POW, POWER
cdef int INNER, MINUS, OVER, PLUS, RAMP, TIMES


cdef class Value:
    cdef public double _number, _grad
    cdef public Value _left, _right
    cdef public Note _note
    cdef public long _mark


cdef long _EXACT
cdef _obey_modes(Value node)

cdef list _waiting
cdef int _depth
cdef int _DEEP

@cython.locals(node=Value, y=double, arithmetic=int)
cdef Value _recorded(Rule row, Value left, Value right, tuple several)

@cython.locals(leaf=Value)
cdef Value _constant(object data)

cdef object _as_operand(object other)

cdef object _binary(Rule row, object left, object right)

@cython.locals(operands=tuple)
cpdef tuple sequence(object values)

@cython.locals(operands=list)
cpdef object record(Rule row, tuple args)

@cython.locals(total=double, i=Py_ssize_t, weights=tuple, inputs=tuple, w=Value, x=Value, bias=Value)
cdef double _inner_product(tuple operands) except? -1.0
