cimport cython
from .node cimport Current
from .rule cimport Rule
from .value cimport Value

cdef object MANY
cdef int COMPUTED, INNER
cdef list _active
cdef Current current

@cython.locals(row=Rule)
cpdef tuple active(Value node)

@cython.locals(leaves=list, before=list, untaken=list, order=list, node=Value, parent=Value, leaf=Value, mark=long, newest=long, i=Py_ssize_t)
cpdef backward(Value output)

@cython.locals(order=list, stack=list, node=Value, each=Value, left=Value, right=Value, row=Rule, operands=tuple, several=tuple, size=Py_ssize_t)
cdef list _search(Value output, long mark, list leaves, list before, list untaken)

cdef _reach(Value node, long mark, list stack, list leaves, list before)

@cython.locals(node=Value, watched=bint, row=Rule, left=Value, right=Value, source=int, other=int, adjoint=double, by_left=double, by_right=double)
cdef _sweep(list order, long mark, long newest)

@cython.locals(row=Rule, operands=tuple, weights=tuple, inputs=tuple, w=Value, x=Value, adjoint=double, i=Py_ssize_t)
cdef _propagate_to_many(Value node, long mark)

cdef _add(Value node, double contribution, long mark)
