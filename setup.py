"""Builds the engine as an extension where Cython and a C compiler are there; where not, a line says so.

What is compiled are the engine's own files, see autograd/engine/kind.py. All else stands in pyproject.toml.
AUTOGRAD_PURE_PYTHON=1 leaves the extension out.
"""

import os
import runpy
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent
KIND = runpy.run_path(str(ROOT / "autograd" / "engine" / "kind.py"))
# An FMA where it is written a*b + c would round once instead of twice, and give other numbers than Python.
FLAGS = [] if sys.platform == "win32" else ["-ffp-contract=off"]

DIRECTIVES = {
    "language_level": 3,
    "binding": True,  # functions have a signature
    "annotation_typing": False,  # the .pxd files alone say what is a C type: an int of Python has no bounds
    "cdivision": True,  # IEEE 754: a double by 0 is inf or nan
    "initializedcheck": False,
    "nonecheck": True,  # None where a node belongs is an error, no crash
}


def extensions():
    if not KIND["wanted"]():
        return []
    try:
        from Cython.Build import cythonize

        sources = [str(module.relative_to(ROOT)) for module in KIND["modules"]()]
        names = [source.removesuffix(".py").replace(os.sep, ".") for source in sources]
        made = cythonize(
            [Extension(name, [source], extra_compile_args=FLAGS) for name, source in zip(names, sources)],
            build_dir="build/cython",
            force=True,  # what it made before may be of sources that only look older
            compiler_directives=DIRECTIVES,
        )
    except Exception as error:
        left_out(error)
        return []
    for extension in made:
        package, _, name = extension.name.rpartition(".")
        extension.name = (
            f"{package}.{KIND['BUILT'].name}.{name}"  # where it lies; in Python it has its own name
        )
    return made


def left_out(error):
    print(
        f"scalar-autograd: the engine is not compiled, and runs as plain Python: {error!r:.200}",
        file=sys.stderr,
    )


class BuildAllOrNothing(build_ext):
    """What it was made from is written last, so that what a failure leaves behind is never used."""

    def run(self):
        folders = [self.build_lib, ROOT] if self.inplace else [self.build_lib]
        stamps = [Path(folder, KIND["BUILT"].relative_to(ROOT), KIND["STAMP"]) for folder in folders]
        for stamp in stamps:
            stamp.parent.mkdir(parents=True, exist_ok=True)
            stamp.unlink(missing_ok=True)
            for built in stamp.parent.glob(f"*{KIND['EXTENSION_SUFFIXES'][0]}"):
                if built.name.partition(".")[0] not in {module.stem for module in KIND["modules"]()}:
                    built.unlink()  # a module that is no longer compiled would still be found
        self.force, self.parallel = True, True
        try:
            super().run()
        except Exception as error:
            left_out(error)
            self.extensions.clear()
        for stamp in stamps if self.extensions else ():
            stamp.write_text(KIND["stamp"](), encoding="ascii")


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildAllOrNothing})
