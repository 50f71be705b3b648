cimport cython
from .node cimport Clock
from .value cimport Value
from .rule cimport Rule

cdef object MANY
cdef int ANOTHER, CONSTANT
cdef list _active
cdef Clock clock

@cython.locals(order=list, stack=list, node=Value, size=Py_ssize_t)
cdef list _search(Value output, long mark, list leaves, list before)

cdef bint _awaits(Value node, long mark, list leaves, list before) except -1

@cython.locals(i=Py_ssize_t, node=Value, watched=bint)
cdef _sweep(Value output, list order, long mark, long newest)

@cython.locals(row=Rule, left=Value, right=Value, adjoint=double, y=double, a=double, b=double, by_left=double, by_right=double)
cdef _propagate(Value node, long mark)

@cython.locals(operands=tuple, adjoint=double, k=Py_ssize_t, source=int, each=Value, chosen=Value)
cdef _propagate_to_many(Value node, long mark)

@cython.locals(each=Value, node=Value, sequence=tuple)
cdef _give(object operand, double share, long mark)

@cython.locals(i=Py_ssize_t, each=Value, partial=Value)
cdef _give_each(object operand, object partials, double adjoint, long mark)

@cython.locals(i=Py_ssize_t, leaf=Value)
cdef _add(list leaves, list before)
