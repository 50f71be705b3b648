"""The native back end: the array program as one function of LLVM IR."""
