cimport cython
from .node cimport Clock
from .value cimport Value
from .rule cimport Rule

cdef object MANY
cdef int ANOTHER, CONSTANT
cdef list _active
cdef Clock clock

cpdef tuple active(Value node)

@cython.locals(order=list, stack=list, node=Value, each=Value, left=Value, right=Value, size=Py_ssize_t)
cdef list _search(Value output, long mark, list leaves, list before, list untaken)

cdef _reach(Value node, long mark, list stack, list leaves, list before)

@cython.locals(node=Value, watched=bint, row=Rule, left=Value, right=Value, source=int, other=int, adjoint=double, by_left=double, by_right=double, args=list, partials=object)
cdef _sweep(list order, long mark, long newest)

@cython.locals(operands=tuple, adjoint=double, k=Py_ssize_t, source=int, each=Value, chosen=Value)
cdef _propagate_to_many(Value node, long mark)

@cython.locals(each=Value, node=Value, sequence=tuple)
cdef _give(object operand, double share, long mark)

@cython.locals(i=Py_ssize_t, each=Value, partial=Value)
cdef _give_each(object operand, object partials, double adjoint, long mark)

@cython.locals(i=Py_ssize_t, leaf=Value)
cdef _add(list leaves, list before)
