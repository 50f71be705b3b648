cimport cython
from .value cimport Value

cdef class Rule:
    cdef public int arithmetic, left, right
    cdef public double by_left, by_right
    cdef public tuple copied, constants

    cdef double applied(self, double a, double b)

    @cython.locals(total=double, i=Py_ssize_t, weights=tuple, inputs=tuple, w=Value, x=Value)
    cdef double applied_to_sequences(self, tuple operands) except? -1.0
