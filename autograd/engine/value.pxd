cimport cython
from .node cimport Current, Note, noted
from .rule cimport Rule

cdef Current current
cdef Note _CONSTANT
cdef object MANY, DETACHED
cdef object ADD, SUB, MUL, DIV, NEG, ABS, MOD, FLOORDIV, POW, POWER
cdef int INNER


cdef class Value:
    cdef public double _number, _grad
    cdef public object _row, _left, _right
    cdef public Note _note
    cdef public long _mark


cdef long _EXACT
cdef list _waiting
cdef int _depth
cdef int _DEEP

@cython.locals(node=Value)
cdef Value _recorded(Rule row, double y, object left, object right)

@cython.locals(leaf=Value)
cdef Value _constant(object data)

cdef Value _unary(Rule row, Value operand)

cdef object _as_operand(object other)

@cython.locals(x=Value, y=Value)
cdef object _binary(Rule row, object left, object right)

@cython.locals(operands=tuple)
cpdef tuple sequence(object values)

@cython.locals(operands=list, several=tuple)
cpdef object record(Rule row, tuple args)
