from .node cimport Note

cdef class Rule:
    cdef public str _name
    cdef public object _forward, _partials, _array, _select
    cdef public tuple _vectors
    cdef public int arithmetic, left, right
    cdef public double by_left, by_right
    cdef public Note note

    cdef renew(self, long version)

    cdef object partials_of(self, double y, tuple args)

    cdef double evaluated(self, tuple args) except? -1.0

cdef bint _is_array(object arg)
