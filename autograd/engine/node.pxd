cimport cython

cdef class Note:
    cdef public long version
    cdef public str label, scope, place


cdef class Current:
    cdef public Note note
    cdef public long sweeps, unusual
    cdef public bint used
    cdef public object lock


cdef Note _last

@cython.locals(last=Note)
cpdef Note noted(long version, str label, str scope, str place)
