cimport cython
from .value cimport Value

cdef int ADD, SUB, MUL, DIV

cdef class Rule:
    cdef public str _name
    cdef public object _forward, _partials, _array
    cdef public tuple _vectors
    cdef public int arithmetic, left, right
    cdef public double by_left, by_right

    cdef double of_one(self, double a) except? -1.0

    cdef double of_two(self, double a, double b) except? -1.0

    @cython.locals(total=double, i=Py_ssize_t, weights=tuple, inputs=tuple, w=Value, x=Value)
    cdef double of_nodes(self, tuple operands) except? -1.0
