cimport cython
from .value cimport Value

cdef int ADD, SUB, MUL, DIV

cdef class Rule:
    cdef public str _name
    cdef public object _forward, _partials, _array, _select
    cdef public tuple _vectors
    cdef public int arithmetic, left, right
    cdef public double by_left, by_right

    cdef object partials_of(self, double y, tuple args)

    cdef double evaluated(self, tuple args) except? -1.0

    cdef double of_two(self, double a, double b) except? -1.0

    @cython.locals(total=double, i=Py_ssize_t, weights=tuple, inputs=tuple, w=Value, x=Value)
    cdef double of_nodes(self, tuple operands) except? -1.0
