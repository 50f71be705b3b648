"""The llvm back end."""


class NativeProgram: ...


def why_not_native(terms):
    return ImportError("not yet")
