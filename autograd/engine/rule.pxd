cdef class Rule:
    cdef public int arithmetic, left, right
    cdef public double by_left, by_right
    cdef public tuple copied, constants

    cdef double applied(self, double a, double b)
