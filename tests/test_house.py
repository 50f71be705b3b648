"""The house of design.md: who imports whom, what the core needs, and that public names say what they are."""

import ast
import functools
import importlib
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# The files and packages in each package, from the top floor down: one imports only from those before it.
FLOORS = {
    "autograd": [
        "errors", "files", "processes", "terminal", "version", "later", "locks", "engine", "verify",
        "symbolic", "drawing", "spreadsheet", "handwritten", "language", "explorer", "compiler",
        "command", "__main__",
    ],
    "autograd.command": ["backprop"],
    "autograd.engine": [
        "kind", "cython", "node", "numerics", "rule", "primitive", "declaration", "messages", "primitives",
        "arguments", "modes", "anomaly", "readings", "given", "graph", "protocol", "copying", "value",
        "gradient", "linearization", "differentiation", "replay",
    ],
    "autograd.drawing": ["style", "text", "view", "expansion", "boxes", "collapse", "rendering", "picture"],
    "autograd.explorer": [
        "script", "widget", "columns", "runs", "plane", "labels", "programs", "pictures", "patterns",
        "explore", "playground",
    ],
    "autograd.symbolic": ["expressions", "javascript", "notations", "outline", "explain"],
    "autograd.verify": ["finite_differences", "gradcheck"],
    "autograd.spreadsheet": [
        "vocabulary", "cells", "binary", "opendocument", "books", "expected", "workbook", "problem",
        "assignment", "tables", "formulas", "grading", "inference", "mutations", "diagnosis", "repairs",
        "certainty", "resolution", "report", "checking", "classes", "command", "__main__",
    ],
    "autograd.spreadsheet.classes": [
        "submissions", "students", "outcomes", "marks", "worker", "workers", "checking", "hints", "pages",
        "results", "handing_out", "command",
    ],
    "autograd.handwritten": [
        "recording", "tape", "comparison", "naming", "report", "formulas", "slips", "search", "checking",
        "engines", "worker", "programs", "command", "__main__",
    ],
    "autograd.compiler": [
        "tuning", "ir", "frontend", "update_loop", "kernels", "machine", "backends", "numpy", "llvm", "jax",
        "selection", "program",
    ],
    "autograd.compiler.ir": [
        "nodes", "registry", "index_maps", "fused_rules", "passes", "schedule", "verifier", "adjoint",
        "tangent",
    ],
    "autograd.compiler.frontend": ["capture", "vectorize", "sparsity"],
    "autograd.compiler.numpy": ["scalar_codegen", "taking", "target", "codegen", "backend"],
    "autograd.compiler.llvm": [
        "libm", "builder", "legalize", "layout", "memory", "reductions", "lowering", "rows", "single_pass",
        "entry", "backend",
    ],
    "autograd.compiler.jax": ["rows", "lowering", "function", "backend"],
    "nn": [
        "arguments", "schema", "kept", "curves", "plots", "activations", "array_forward", "arrays", "batches",
        "diagrams", "history", "progress", "initializers", "losses", "optimizers", "metrics",
        "module", "schedules", "rates", "callbacks", "examples", "layers", "linear", "lora", "normalization",
        "attention", "feed_forward", "gpt", "architectures", "exchange", "onnx_graph",
        "storage", "weights", "recording", "array_updates", "padding", "compiled", "loop", "training",
        "exploration", "estimators",
    ],
    "demos": [
        "shared", "assignment", "check", "digits", "gpt", "lesson", "moons", "order", "playground",
        "rates", "regression", "variants", "__main__",
    ],
    "demos.shared": ["datasets", "figures", "options", "page", "report"],
    "demos.assignment": ["comment", "charts", "network", "handout", "page", "run"],
    "demos.gpt": ["names", "counting", "plain", "training", "charts", "run"],
    "demos.order": ["passes", "run"],
}  # fmt: skip
ROOF = "__init__"
BELOW = {"autograd": set(), "nn": {"autograd"}, "demos": {"autograd", "nn"}}
OWN = set(BELOW)
ON_THE_ROOF = {"command"}  # built on public names
# What demos import from, besides `autograd` and `nn`; and what is public, though `*` does not bring it.
PUBLIC = {
    "autograd.spreadsheet", "autograd.spreadsheet.classes", "autograd.symbolic", "autograd.terminal",
    "nn.initializers", "nn.plots",
}  # fmt: skip
NOT_BY_STAR = {"command", "compile", "on_first_use", "plots", "sum"}
# Of files without a test file of their name, or of all such files of a package, where they are tested.
TESTED_IN = {
    "autograd.processes": "autograd/spreadsheet/classes/test_workers.py",
    "autograd.__main__": "autograd/command/test_backprop.py",
    "autograd.compiler": "agreement/test_compiled.py",
    "autograd.compiler.jax.backend": "autograd/compiler/jax/test_function.py",
    "autograd.compiler.llvm.single_pass": "autograd/compiler/llvm/test_entry.py",
    "autograd.compiler.ir.tangent": "autograd/compiler/test_derivatives.py",
    "autograd.drawing": "autograd/drawing/test_drawing.py",
    "autograd.engine.arguments": "test_wrong_calls.py",
    "autograd.engine.cython": "autograd/engine/test_kind.py",
    "autograd.engine.declaration": "autograd/engine/test_primitives.py",
    "autograd.engine.gradient": "autograd/engine/test_differentiation.py",
    "autograd.engine.linearization": "autograd/engine/test_differentiation.py",
    "autograd.engine.messages": "autograd/engine/test_anomaly.py",
    "autograd.engine.modes": "autograd/engine/test_anomaly.py",
    "autograd.engine.node": "autograd/engine/test_value.py",
    "autograd.engine.primitive": "autograd/engine/test_primitives.py",
    "autograd.engine.protocol": "autograd/engine/test_value.py",
    "autograd.engine.readings": "autograd/engine/test_value.py",
    "autograd.engine.replay": "agreement/test_random_graphs.py",
    "autograd.errors": "test_wrong_calls.py",
    "autograd.explorer": "autograd/explorer/test_explore.py",
    "autograd.explorer.plane": "autograd/explorer/test_live_in_browser.py",
    "autograd.later": "test_house.py",
    "autograd.handwritten": "autograd/handwritten/test_checking.py",
    "autograd.handwritten.__main__": "autograd/handwritten/test_programs.py",
    "autograd.handwritten.command": "autograd/handwritten/test_programs.py",
    "autograd.handwritten.worker": "autograd/handwritten/test_programs.py",
    "autograd.locks": "autograd/engine/test_threads.py",
    "autograd.spreadsheet": "autograd/spreadsheet/test_check.py",
    "autograd.spreadsheet.classes.hints": "autograd/spreadsheet/classes/test_results.py",
    "autograd.spreadsheet.classes.outcomes": "autograd/spreadsheet/classes/test_checking.py",
    "autograd.spreadsheet.classes.worker": "autograd/spreadsheet/classes/test_workers.py",
    "autograd.spreadsheet.binary": "autograd/spreadsheet/test_books.py",
    "autograd.symbolic": "autograd/symbolic/test_notations.py",
    "autograd.terminal": "autograd/spreadsheet/test_verdicts.py",
    "autograd.version": "test_repository.py",
    "nn.architectures": "nn/test_storage.py",
    "nn.array_updates": "nn/test_compiled.py",
    "nn.array_forward": "nn/test_exchange.py",
    "nn.arrays": "nn/test_compiled.py",
    "nn.examples": "nn/test_training.py",
    "nn.loop": "nn/test_training.py",
    "nn.onnx_graph": "nn/test_exchange.py",
    "nn.padding": "nn/test_sequences.py",
    "nn.progress": "nn/test_training.py",
    "nn.rates": "nn/test_schedules.py",
    "nn.recording": "nn/test_compiled.py",
    "nn.schema": "nn/test_damage.py",
    "demos.assignment": "demos/assignment/test_run.py",
    "demos.check": "autograd/spreadsheet/test_check.py",
    "demos.gpt": "demos/gpt/test_run.py",
    "demos.order": "demos/order/test_run.py",
    "demos.playground": "autograd/explorer/test_playground_in_browser.py",
    "demos.shared": "demos/assignment/test_run.py",
    "demos.__main__": "demos/assignment/test_run.py",
}
MOST_LINES = 56_906
RUN_TIME = {"numpy", "graphviz"}
OF_AN_EXTRA = {
    "nn.estimators": {"sklearn"},
    **{f"autograd.compiler.jax.{name}": {"jax"} for name in FLOORS["autograd.compiler.jax"]},
}  # modules that are imported by name, by who has the extra
# What recording, differentiating and describing a network need; all else of a package loads on first use.
AT_ONCE = {
    "autograd": {"engine", "errors", "later", "locks"},
    "nn": {
        "activations", "arguments", "arrays", "batches", "initializers", "layers", "losses", "module",
        "optimizers", "schedules",
    },
}  # fmt: skip
HEAVY = {"csv", "ctypes", "graphviz", "html", "json", "uuid", "xml"}
EXTRAS = ["jax", "matplotlib", "tqdm", "pygraphviz", "openpyxl", "llvmlite", "mpmath", "hypothesis", "pytest"]


def folder_of(package):
    return ROOT.joinpath(*package.split("."))


def sources(package):
    return sorted(folder_of(package).rglob("*.py"))


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def first_below(package, path):
    return path.relative_to(folder_of(package)).with_suffix("").parts[0]


def own_test_file(name):
    *folders, last = name.split(".")
    return ROOT.joinpath("tests", *folders, f"test_{last}.py")


PRODUCT = [path for package in sorted(OWN) for path in sources(package)]
PACKAGES = sorted({module_name(path.parent / "__init__.py") for path in PRODUCT})


parsed = functools.cache(ast.parse)  # by the text of a file, which several tests look at


@functools.cache
def imports(path, everywhere=True):
    """Each import as (module, names), relative ones resolved; unless `everywhere`, those run on import."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]

    def visit(node):
        for child in ast.iter_child_nodes(node):
            if not everywhere and isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                continue
            if not everywhere and isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                yield from ((alias.name, ()) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = package[: len(package) - child.level + 1] if child.level else []
                target = ".".join(base + ([child.module] if child.module else []))
                yield target, tuple(alias.name for alias in child.names)
            yield from visit(child)

    return list(visit(parsed(path.read_text())))


def modules_of(package, path):
    """The modules of the package that a file imports, by their first name below the package."""
    found = set()
    for target, names in imports(path):
        if target == package:  # from . import x, from package import x
            folder = folder_of(package)
            inside = [name for name in names if (folder / name).is_dir() or (folder / f"{name}.py").exists()]
            found.update(inside or [ROOF])
        elif target.startswith(f"{package}."):
            found.add(target.removeprefix(f"{package}.").split(".")[0])
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_a_file_imports_only_from_the_floors_above(package):
    """So there are no cycles either; a new file is entered in the list."""
    floors = FLOORS[package]
    inside = {first_below(package, path) for path in sources(package)} - {ROOF}
    assert sorted(floors) == sorted(inside)
    for path in sources(package):
        name = first_below(package, path)
        if name != ROOF:
            within = path.parent != folder_of(package)  # a package of its own, with a list of its own
            allowed = {*floors[: floors.index(name) + within], *([ROOF] if name in ON_THE_ROOF else [])}
            assert modules_of(package, path) <= allowed, module_name(path)


def test_every_package_is_distributed():
    packages = {name for name in PACKAGES if not name.startswith("demos")}
    listed = re.search(
        r"^packages = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL | re.MULTILINE
    )[1]
    assert set(re.findall(r'"([\w.]+)"', listed)) == packages


@pytest.mark.parametrize("path", PRODUCT, ids=module_name)
def test_only_public_names_are_imported_from_another_package(path):
    """From `autograd` or `nn`, or in demos from a module of theirs that is public as a whole."""
    own = module_name(path).split(".")[0]
    for target, names in imports(path):
        other = target.split(".")[0]
        assert other != "tests"
        if other in OWN - {own}:
            assert other in BELOW[own], f"{own} stands below {other}"
            assert target == other or (own == "demos" and target in PUBLIC), f"{target} is not public"
            assert names, "write `from autograd import ...`, so that what is used can be seen"
            assert set(names) <= {*importlib.import_module(target).__all__, *NOT_BY_STAR}, target


def test_every_file_has_a_test_file_of_its_name():
    """Or a line above says where it is tested."""
    missing, used = [], set()
    for path in PRODUCT:
        name = module_name(path)
        if path.stem != ROOF and not own_test_file(name).exists():
            places = [each for each in TESTED_IN if f"{name}.".startswith(f"{each}.")]
            used.update(places[-1:])
            missing += [] if places else [name]
    assert missing == []
    assert sorted(set(TESTED_IN) - used) == [], "these have a test file of their name, or are gone"
    assert [place for place in TESTED_IN.values() if not (ROOT / "tests" / place).exists()] == []


def test_the_product_does_not_grow():
    """Lines of autograd, nn and demos, pages and notebooks included: fewer for the same power are welcome."""
    files = [path for package in OWN for path in folder_of(package).rglob("*") if path.is_file()]
    files = [path for path in files if path.suffix != ".gz"]  # packed, and not ours
    text = [path for path in files if not {"__pycache__", "_compiled"} & {*path.parts}]
    assert sum(path.read_text(encoding="utf-8").count("\n") for path in text) <= MOST_LINES


@pytest.mark.parametrize("name", ["Derivation", "History", "Problem", "Program", "Run", "Training", "Value"])
def test_a_word_means_one_thing(name):
    """One class of that name in the whole tree, and no alias of another."""
    statements = [(path, each) for path in PRODUCT for each in parsed(path.read_text()).body]
    classes = [path for path, each in statements if isinstance(each, ast.ClassDef) and each.name == name]
    given = [
        path
        for path, each in statements
        if isinstance(each, ast.Assign) and name in map(ast.unparse, each.targets)
    ]
    assert [module_name(path) for path in (*classes, *given)] == [module_name(path) for path in classes[:1]]


@pytest.mark.parametrize("package", ["autograd", "nn"])
def test_a_star_shadows_no_builtin(package):
    names = vars(importlib.import_module("builtins"))
    assert not [name for name in importlib.import_module(package).__all__ if name in names]


@pytest.mark.parametrize("path", sources("autograd") + sources("nn"), ids=module_name)
def test_the_core_needs_only_its_run_time_dependencies(path):
    """At module level: the standard library, numpy and graphviz; extras are imported where they are used."""
    allowed = {"autograd", "nn", *RUN_TIME, *OF_AN_EXTRA.get(module_name(path), ())}
    for target, _ in imports(path, everywhere=False):
        top = target.split(".")[0]
        assert top in allowed or top in sys.stdlib_module_names, f"{module_name(path)} imports {top}"


def in_a_fresh_process(program):
    command = [sys.executable, "-W", "error", "-c", program]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("package", AT_ONCE)
def test_importing_a_package_loads_what_is_needed_at_once_and_no_extra(package):
    """In a fresh interpreter, whatever is installed."""
    loaded = set(in_a_fresh_process(f"import sys, {package}; print(*sys.modules)").split())
    own = {name.split(".")[1] for name in loaded if name.startswith(f"{package}.")}
    assert own == AT_ONCE[package]
    assert {name.split(".")[1] for name in loaded if name.startswith("autograd.")} == AT_ONCE["autograd"]
    assert loaded & HEAVY <= set(in_a_fresh_process("import sys, numpy; print(*sys.modules)").split())
    assert loaded & set(EXTRAS) == set()


def loaded_on_first_use(package):
    """As type checkers are told of it: of each module the names that the package has from it."""
    for statement in ast.parse((folder_of(package) / "__init__.py").read_text()).body:
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            found = {}
            for each in statement.body:
                found.setdefault(each.module, []).extend(alias.name for alias in each.names)
            return found
    raise AssertionError(f"{package} has no block of imports for type checkers")


@pytest.mark.parametrize("package", AT_ONCE)
def test_type_checkers_and_dir_see_what_loads_on_first_use(package):
    """Of a fresh interpreter; each name is there without another having been used, and is listed before."""
    places = loaded_on_first_use(package)
    names = {name for each in places.values() for name in each}
    assert AT_ONCE[package].isdisjoint(places)
    assert names.isdisjoint(places), "importing the module would put it in the place of what has its name"
    program = f"""
import importlib, sys, {package} as package
shown = dir(package)
assert sorted(shown) == shown and set(package.__all__) <= set(shown)
before = set(sys.modules)
for module, names in {places!r}.items():
    for name in names:
        for each in [each for each in sys.modules if each.startswith("{package}.") and each not in before]:
            del sys.modules[each]
        for each in (*{sorted(places)!r}, *{sorted(names)!r}):
            vars(package).pop(each, None)
        assert {{module, name}} <= set(shown)
        found = getattr(package, name)
        home = importlib.import_module(f"{package}.{{module}}")
        assert found is getattr(home, name) is getattr(package, name)
        assert getattr(package, module) is home
print("seen")
"""
    assert in_a_fresh_process(program) == "seen\n"


@pytest.mark.parametrize("package", AT_ONCE)
def test_modules_are_attributes_and_a_name_that_no_package_has_is_an_error(package):
    module = importlib.import_module(package)
    assert {*module.__all__, *loaded_on_first_use(package)} <= set(dir(module))
    for place in loaded_on_first_use(package):
        assert module.__getattr__(place) is importlib.import_module(f"{package}.{place}")
    with pytest.raises(AttributeError, match=f"^module '{package}' has no attribute 'sigmoyd'$"):
        module.sigmoyd  # noqa: B018  # that it can be looked up is what is tested
    with pytest.raises(ImportError, match="cannot import name 'sigmoyd'"):
        exec(f"from {package} import sigmoyd")


def test_the_packages_import_without_any_extra():
    """With every extra made unimportable, as on a machine that has none."""
    program = f"import sys\nsys.modules.update(dict.fromkeys({EXTRAS!r}))\nimport autograd, nn\n"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


# What writes, moves or makes a file, of whatever module.
_WRITE = {
    "write_bytes", "write_text", "touch", "truncate", "tofile", "dump", "savetxt", "savez", "fdopen",
    "savez_compressed", "FileIO", "FileHandler", "mkstemp", "NamedTemporaryFile", "TemporaryFile", "copyfile",
    "copy2", "copytree", "move", "rename", "symlink", "symlink_to", "hardlink_to", "mknod", "mkfifo",
    "imsave", "save_model",
}  # fmt: skip
_INTO = {"savefig", "print_figure", "Workbook"}  # write into what is given first


def writes(source):
    """The lines on which a program writes a file by itself; what is written into memory is none."""
    tree = parsed(source)
    memory = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            pairs = [(node.targets[0], node.value)]
            if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = zip(node.targets[0].elts, node.value.elts, strict=True)
            memory |= {
                ast.unparse(a) for a, b in pairs if re.match(r"io\.(Bytes|String)IO\(", ast.unparse(b))
            }
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        owner, _, name = ast.unparse(call.func).rpartition(".")
        given = [ast.unparse(each) for each in [*call.args, *(keyword.value for keyword in call.keywords)]]
        if name in ("write_text", "write_bytes"):
            found = bool(owner)  # else it is ours
        elif name in _INTO:
            found = given[0] not in memory
        elif owner == "os":
            found = name in _WRITE | {"replace"} or (name == "open" and "os.devnull" not in given)
        elif name in ("open", "ZipFile", "TarFile"):
            found = any(re.fullmatch("'[rwaxbt+]+'", each) and set(each) & set("wax+") for each in given)
        else:
            found = name in _WRITE
        if found:
            yield call.lineno


@pytest.mark.parametrize("path", PRODUCT, ids=module_name)
def test_files_are_written_in_one_place(path):
    if path != ROOT / "autograd" / "files.py":
        assert list(writes(path.read_text())) == []


@pytest.mark.parametrize(
    "source",
    ["open('a', 'w')", "open('a', mode='ab')", "p.open('x')", "p.write_text('a')", "Path(p).write_bytes(b'')"]
    + [
        "figure.savefig(path)",
        "xlsxwriter.Workbook(path)",
        "ZipFile(path, 'w')",
        "np.savetxt(p, x)",
        "p.touch()",
    ]
    + ["json.dump(x, file)", "os.replace(a, b)", "os.open(p, os.O_WRONLY)", "tempfile.NamedTemporaryFile()"]
    + ["x.tofile(p)", "onnx.save_model(m, p)", "shutil.move(a, b)", "io.FileIO(p, 'w')"],
)
def test_a_second_place_would_be_found(source):
    assert list(writes(source)) == [1]


def attribute_docstring(package, name):
    """The string that stands under the assignment of a constant."""
    for path in sources(package):
        body = parsed(path.read_text()).body
        for statement, following in pairwise(body):
            targets = getattr(statement, "targets", [getattr(statement, "target", None)])
            assigned = [getattr(target, "id", None) for target in targets]
            if name in assigned and isinstance(following, ast.Expr):
                return ast.literal_eval(following.value)
    return None


@pytest.mark.parametrize("package", ["autograd", "nn"])
def test_every_public_name_exists_and_says_what_it_is(package):
    module = importlib.import_module(package)
    assert len(module.__all__) == len(set(module.__all__))
    for name in module.__all__:
        thing = getattr(module, name)
        text = thing.__doc__ if callable(thing) else attribute_docstring(package, name)
        assert (text or "").strip(), f"{package}.{name} has no docstring"
        if isinstance(thing, type):
            inherited = [base.__doc__ for base in thing.__mro__[1:]]
            assert thing.__doc__ not in inherited, f"{package}.{name} has its base's docstring"


@pytest.mark.parametrize("path", PRODUCT, ids=module_name)
def test_every_module_begins_by_saying_what_it_is(path):
    text = path.read_text()
    if text.strip():
        assert ast.get_docstring(parsed(text))


def test_the_version_is_stated_once():
    """In pyproject.toml, which the metadata of the installed distribution repeats."""
    from importlib.metadata import version

    assert f'version = "{version("scalar-autograd")}"' in (ROOT / "pyproject.toml").read_text()


# What must be read to understand recording, `backward` and `grad`, and how many lines that is: it may shrink.
ESSENTIAL = ("primitive", "rule", "node", "modes", "graph", "value", "gradient")
ESSENTIAL_LINES = 1456


def test_the_engine_can_be_read_in_one_sitting():
    """Whoever adds to these files takes something out, or gives it a file and a job of its own."""
    files = [ROOT / "autograd" / "engine" / f"{name}.py" for name in ESSENTIAL]
    assert sum(len(path.read_text().splitlines()) for path in files) <= ESSENTIAL_LINES
