"""``backprop EXPRESSION NAME=NUMBER ...`` prints the value, the gradients and their derivation."""

from __future__ import annotations

import argparse
import importlib
import itertools
import math
import os
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import autograd
from autograd import Value

from ..handwritten.command import main as check_python
from ..language import CONSTANTS, FUNCTIONS, ExpressionError, parse, parse_number, same_name
from ..spreadsheet import Problem
from ..spreadsheet.classes.command import hand_out_numbers
from ..spreadsheet.command import main as check
from ..terminal import OptionParser, OptionsError, brief, lost, ready, say, whole

__all__ = ["CRASHED", "INTERRUPTED", "USAGE", "main", "run"]

PROGRAM = "backprop"
USAGE, CRASHED, INTERRUPTED = 2, 70, 130  # exit statuses
MOST_DERIVATIVES = 1_000
_POWERS = ["", "", *"²³⁴⁵⁶⁷⁸"]
_GIVEN = re.compile(r"\s*[^\W\d]\w*\s*=")  # NAME=NUMBER, which is no option and hardly a file

_DESCRIPTION = """\
Prints the value of an expression, its gradients, and how each of them follows by the chain rule.

  backprop "0.5*(t - sigmoid(w*a))**2" w=0.5 a=2 t=1
  backprop "h = w*a; y = sigmoid(h); 0.5*(t - y)**2" w=0.5 a=2 t=1 --wrt w --page out.html
  backprop "x**3 * y" x=2 y=1/3 --order 2

other commands:
  backprop check SHEET   check a workbook or .csv file of the assignment (see check --help)
  backprop check FILE.py check the class Value in it, or what --with CHECK.py looks at
  backprop check FOLDER  check a whole class, with points (see check FOLDER --help)
  backprop assignment STUDENTS.csv
                         write a template and a key for each student (see assignment --help)
                         all three for another network than the assignment's:
    --against "y = sigmoid(w*x + b); E = (t - y)**2" w=0.5 x=2 b=0 t=1 --wrt w,b
  backprop demo [NAME]   run the demos, in a checkout of the project
"""


def _epilog() -> str:
    functions = textwrap.fill(
        " ".join(sorted(FUNCTIONS)), 76, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )
    return f"""\
expressions:
  + - * / ** % //, < and > (1 where true, else 0), brackets, numbers, names, and the functions
{functions}
  sum, mean, norm and logsumexp take any number of arguments; dot([w1, w2], [a1, a2], bias)
  takes two lists. {", ".join(CONSTANTS)} are constants unless you give them. To name a step, write
  name = ...; before the result. Lists are [a, b], w[0] and [... for i in range(3)]; a line
  for i in range(3): repeats those below it. Expressions are recorded, never run as Python.

exit status:
  0   success
  1   check: something in the sheet is wrong
  2   the expression, an option or a file cannot be used; the message says why
  3   check: nothing wrong was found, but not everything could be checked
  70  a fault in this program; python -X dev -m autograd ... shows where
  130 interrupted
"""


def _parser() -> OptionParser:
    parser = OptionParser(
        prog=PROGRAM,
        description=_DESCRIPTION,
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("expression", metavar="EXPRESSION", help="the expression to differentiate")
    add("numbers", metavar="NAME=NUMBER", nargs="*", help="the number of a name: w=0.5, x=-1/3, y=2*pi")
    add("--wrt", metavar="NAMES", action="append", help="differentiate by these only: w1,w2 (default: all)")
    highest = whole(1, len(_POWERS) - 1)
    add("--order", metavar="N", type=highest, default=1, help="derivatives up to this order (default: 1)")
    add("--digits", metavar="N", type=whole(1, 17), default=6, help="digits in the derivation (default: 6)")
    add("--quiet", action="store_true", help="value and gradients only, without the derivation")
    written = parser.add_argument_group("files to write")
    for name, (words, _) in _FILES.items():
        written.add_argument(f"--{name}", metavar="FILE", help=words)
    written.add_argument(
        "--lr", metavar="RATE", type=float, default=0.5, help="learning rate of both (default: 0.5)"
    )
    written.add_argument(
        "--epochs", metavar="N", type=whole(0, 10_000), default=20, help="updates in both (default: 20)"
    )
    add("--version", action="version", version=f"{PROGRAM} {autograd.__version__}")
    shells = 'for bash, zsh or tcsh; in bash: eval "$(backprop --print-completion bash)"'
    add("--print-completion", action=_Completion, metavar="SHELL", help=shells)
    return parser


class _Completion(argparse.Action):
    """Prints the shell's code for completing the options, and ends."""

    def __call__(
        self, parser: argparse.ArgumentParser, _: object, shell: object, option: object = None
    ) -> None:
        try:
            shtab = importlib.import_module("shtab")
        except ImportError:
            raise autograd.MissingExtraError("--print-completion", "shtab", "completion") from None
        if shell not in shtab.SUPPORTED_SHELLS:
            raise OptionsError(
                f"--print-completion takes {', '.join(shtab.SUPPORTED_SHELLS)}, got {shell!r:.40}"
            )
        fresh = _parser()  # the other one is in the middle of its work
        for action in fresh._actions:
            if action.metavar in ("FILE", "NAME=NUMBER"):  # the words after `check` are files
                action.complete = shtab.FILE  # type: ignore[attr-defined]  # what shtab looks for
            elif action.metavar == "EXPRESSION":
                action.choices = ["assignment", "check", "demo"]
        print(shtab.complete(fresh, shell))
        parser.exit()


# --- the answer --------------------------------------------------------------------------------------


def _numbers(pairs: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for pair in pairs:
        name, equals, number = (part.strip() for part in pair.partition("="))
        name = same_name(name)
        if not (equals and name.isidentifier()):
            raise OptionsError(f"{pair!r:.60} is not NAME=NUMBER (the expression comes first, in quotes)")
        if name in found:
            raise OptionsError(f"{name} is given twice")
        try:
            found[name] = parse_number(number)
        except ExpressionError as error:
            raise OptionsError(f"{name}: {error}") from None
    return found


def _leaves(asked: Sequence[str] | None, leaves: dict[str, Value]) -> list[Value]:
    """The leaves to differentiate by."""
    names = [same_name(name.strip()) for each in asked or [] for name in each.split(",") if name.strip()]
    for name in names:
        if name not in leaves:
            raise OptionsError(f"--wrt {name}: the expression has {', '.join(leaves) or 'no names'}")
    return [leaves[name] for name in dict.fromkeys(names)] if names else list(leaves.values())


def _derivatives(output: Value, wrt: Sequence[Value], order: int) -> list[tuple[str, float]]:
    """The name and number of each partial derivative up to an order, with ∂²f/∂a∂b for ∂²f/∂b∂a too."""
    if sum(math.comb(len(wrt) + k - 1, k) for k in range(1, order + 1)) > MOST_DERIVATIVES:
        raise OptionsError(
            f"--order {order} has more than {MOST_DERIVATIVES:,} derivatives: choose names by --wrt"
        )
    found = []
    level: dict[tuple[int, ...], Value] = {(): output}
    for _ in range(order):
        deeper: dict[tuple[int, ...], Value] = {}
        for taken, node in level.items():
            first = taken[-1] if taken else 0
            nodes = autograd.grad(node, wrt[first:], create_graph=True) if first < len(wrt) else []
            deeper |= {(*taken, first + i): slope for i, slope in enumerate(nodes)}
        level = deeper
        found += [(_symbol(output, wrt, taken), node.data) for taken, node in level.items()]
    return found


def _symbol(output: Value, wrt: Sequence[Value], taken: tuple[int, ...]) -> str:
    below = "".join(f"∂{wrt[i].label}{_POWERS[len([*group])]}" for i, group in itertools.groupby(taken))
    return f"∂{_POWERS[len(taken)]}{output.label}/{below}"


def _answer(options: argparse.Namespace) -> None:
    formula = parse(options.expression)
    output, leaves = formula.record(_numbers(options.numbers))
    wrt = _leaves(options.wrt, leaves)
    if not output.label:
        taken = {*leaves, *(node.label for node in autograd.topological_order(output))}
        output.label = next(name for name in ("f", "E", "output", "output_") if name not in taken)
    derivatives = _derivatives(output, wrt, options.order)
    width = max((len(name) for name, _ in derivatives), default=0)
    say([f"{output.label} = {output.data!r}", ""])
    say(f"{name:{width}} = {number!r}" for name, number in derivatives)
    for leaf in () if options.quiet else wrt:
        say(["", "-" * 40, "", *str(autograd.explain(output, leaf, digits=options.digits)).splitlines()])
    output.backward()
    for what, (_, write) in _FILES.items():
        if path := getattr(options, what):
            try:
                write(output, wrt, path, options)
            except (OSError, ValueError, ImportError, autograd.GraphError) as error:
                reason = getattr(error, "strerror", None) or error  # of an OSError, without its number
                raise OptionsError(f"--{what} {path}: {reason}") from error
            say(["", f"wrote {path}"])


def _draw(output: Value, wrt: list[Value], path: str, options: argparse.Namespace) -> None:
    autograd.draw(output, parameters=wrt, derivatives=True, legend=True).save(path)


def _page(output: Value, wrt: list[Value], path: str, options: argparse.Namespace) -> None:
    autograd.explore(output, path, wrt=wrt, lr=options.lr, epochs=options.epochs, title=options.expression)


def _workbook(output: Value, wrt: list[Value], path: str, options: argparse.Namespace) -> None:
    autograd.save_workbook(output, wrt, path, lr=options.lr, epochs=max(1, options.epochs))


_FILES = {
    "draw": ("the graph with its gradients: svg, png, pdf or dot", _draw),
    "page": ("a page to step through: html", _page),
    "workbook": ("a workbook that trains the names of --wrt: xlsx or csv", _workbook),
}


# --- the other commands ------------------------------------------------------------------------------


def _problem(arguments: Sequence[str]) -> tuple[Problem | None, list[str]]:
    """The network of ``--against``, if given, and the other arguments."""
    if not any(word.partition("=")[0] == "--against" for word in arguments):
        return None, list(arguments)
    parser = OptionParser(prog=PROGRAM, add_help=False)
    parser.add_argument("--against", metavar="EXPRESSION", required=True)
    parser.add_argument("--wrt", metavar="NAMES", action="append")
    given, rest = parser.parse_known_args(list(arguments))
    numbers = [word for word in rest if _GIVEN.match(word)]
    output, leaves = parse(given.against).record(_numbers(numbers))
    if not given.wrt:
        raise OptionsError("--against needs --wrt NAMES: the weights and biases that the sheet trains")
    output.label = output.label or next(name for name in ("E", "L", "E_total") if name not in leaves)
    try:
        problem = Problem.of(output, _leaves(given.wrt, leaves), title="the network of --against")
    except ValueError as error:
        raise OptionsError(f"--against: {error}") from None
    return problem, [word for word in rest if word not in numbers]


def _demo(arguments: Sequence[str]) -> int:
    folder = Path(autograd.__file__).resolve().parent.parent
    if not (folder / "demos" / "__main__.py").is_file():
        raise OptionsError(
            "the demos are not installed with the library: they run in a checkout of the project"
        )
    if str(folder) not in map(os.path.abspath, sys.path):
        sys.path.insert(0, str(folder))
    status: int = importlib.import_module("demos.__main__").main(arguments)
    return status


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit status, see ``backprop --help``."""
    name, *rest = arguments or [""]
    try:
        if name == "demo":
            return _demo(rest)
        if name == "check" and any(word.endswith(".py") for word in rest):
            return check_python(rest, f"{PROGRAM} check")
        if name in ("check", "assignment"):
            problem, rest = _problem(rest)
            return (check if name == "check" else hand_out_numbers)(rest, f"{PROGRAM} {name}", problem)
        # -x**2 is an expression, no option
        words = [
            f" {word}" if word[:1] == "-" and word[:2] not in ("--", "-h") else word for word in arguments
        ]
        _answer(_parser().parse_intermixed_args(words or ["--help"]))
    except SystemExit as done:  # after --help and --version
        return int(done.code or 0)
    except (OptionsError, ExpressionError, autograd.MissingExtraError) as error:
        first, *more = str(error).split("\n")
        say([f"{PROGRAM}: error: {first}", *more], sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        say([f"{PROGRAM}: interrupted"], sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        what = f"{type(error).__name__}: {brief(error, 200)}"
        say([f"{PROGRAM}: an error in this program, not in its input: {what}"], sys.stderr)
        return CRASHED
    return 0


def _typed(word: str) -> str:
    """A word as it was typed, also in a locale of ASCII alone."""
    try:
        return os.fsencode(word).decode()
    except UnicodeError:
        return word


def run() -> int:
    """The command as a program, on streams that take any text."""
    ready()
    status = main([_typed(word) for word in sys.argv[1:]])
    if failure := lost():
        say([f"{PROGRAM}: the output could not be written: {failure.strerror}"], sys.stderr)
        return CRASHED
    return status
