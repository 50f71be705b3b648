cimport cython

cdef class Note  # a row has one, and it has a row

from .rule cimport Rule

cdef class Note:
    cdef public long version
    cdef public Rule row
    cdef public tuple operands
    cdef public str label, scope, place


cdef class Current:
    cdef public Note note
    cdef public long sweeps, unusual, frozen
    cdef public bint used
    cdef public object lock


@cython.locals(note=Note)
cpdef Note noted(long version, Rule row=*, tuple operands=*, str label=*, str scope=*, str place=*)

@cython.locals(note=Note)
cpdef long version_of(Note note)

cpdef Note renoted(Note note, str label, str scope, str place)
