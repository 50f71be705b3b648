cimport cython
from .node cimport Current
from .rule cimport Rule
from .value cimport Value

cdef int COMPUTED, CONSTANT, INNER, RAMP
cdef list _active
cdef Current current

@cython.locals(row=Rule)
cpdef tuple active(Value node)

@cython.locals(leaves=list, before=list, untaken=list, order=list, node=Value, parent=Value, leaf=Value, mark=long, newest=long, i=Py_ssize_t)
cpdef backward(Value output)

@cython.locals(order=list, stack=list, node=Value, each=Value, operands=tuple, several=tuple, size=Py_ssize_t)
cdef list _search(Value output, long mark, list leaves, list before, list untaken)

cdef int _reach(Value node, long mark, list stack, list leaves, list before) except -1

@cython.locals(node=Value, watched=bint, source=int, other=int, x=double, adjoint=double, by_left=double, by_right=double)
cpdef int sweep(list order, long mark, long newest) except -1

@cython.locals(row=Rule, operands=tuple, weights=tuple, inputs=tuple, w=Value, x=Value, adjoint=double, i=Py_ssize_t)
cdef int _propagate_to_many(Value node, long mark) except -1

cdef int _add(Value node, double contribution, long mark) except -1
