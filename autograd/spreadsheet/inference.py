"""What a sheet leaves unsaid, worked out from its numbers: inputs, targets, biases, the learning rate.

What stands in a column is taken from there, then what stands beside its name, then what the assignment
says. Where several readings are possible, that one holds by which the fewest cells are wrong. What a sheet
states is never overruled by what would fit better: that difference is what is looked for.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .cells import Book, reference
from .expected import Estimate, Network, evaluate, names_in, shortest
from .formulas import Calculator, FormulaError, parsed
from .grading import Judgement, Premises, exactly
from .problem import Problem
from .tables import Given, Table
from .vocabulary import EPOCH, MOMENTUM, RATE, updated

__all__ = ["NO_CHANGE", "Context", "NotUnderstood", "Understanding", "understand"]

_LOOK = 12  # rows by which readings are compared
_MOST_UPDATES = 1_000  # from one row to the next
_MOMENTA = (0.9, 0.5, 0.8, 0.95, 0.99)
NO_CHANGE = "assumed: no weight ever changes"  # where a learning rate comes from
_MOST_FIT = 0.5  # of the updates, from which on a learning rate counts as the one that was used
_VELOCITY = re.compile("veloc|momentum")  # in the heading of a column that nobody asked for
_ROUNDS = 12  # of looking for numbers that nobody wrote down
_SMALL = 2e-3  # a bias that is none, and what does not explain a number


class NotUnderstood(ValueError):
    """A table from which too much is missing; the message says what."""


@dataclass(kw_only=True)
class Understanding(Premises):
    """A table with all that is needed to judge it."""

    problem: Problem
    loss: str
    sources: dict[str, str] = field(default_factory=dict)  # of the numbers that no column holds
    notes: list[str] = field(default_factory=list)  # how the sheet was read
    headings: list[str] = field(default_factory=list)  # mistyped ones, and what they should be
    faults: list[str] = field(default_factory=list)  # what it says of its learning rate that cannot be right
    doubts: list[str] = field(default_factory=list)  # why it cannot be called right


@dataclass(frozen=True)
class Context:
    """What is known of a table from outside."""

    problem: Problem
    book: Book
    beside: Sequence[Given]  # what stands on the sheet beside its name, the nearest first
    lr: float | None = None  # the learning rate, if the user gave it
    biases: tuple[str, ...] | None = None  # those of the network; None: those by which the numbers come about


def understand(table: Table, context: Context) -> Understanding:
    """Work out what the table does not say, or raise NotUnderstood."""
    return _Reader(table, context).read()


def _told(chosen: Iterable[Given]) -> _Told:
    """By name the numbers, and where each stands."""
    chosen = list(chosen)
    return {each.name: each.value for each in chosen}, {each.name: reference(each.place) for each in chosen}


_Told = tuple[dict[str, float], dict[str, str]]  # numbers by name, and where each is from


class _Reader:
    def __init__(self, table: Table, context: Context) -> None:
        self.table, self.context, self.problem = table, context, context.problem
        self.count = len(table.rows)

    def read(self) -> Understanding:
        found = self._targets(self._forward())
        self._epochs(found)
        self._rate(found, self.context.lr)
        if found.momentum:
            stated = self._stated(MOMENTUM)
            found.sources[MOMENTUM] = reference(stated[0].place) if stated else "by trying"
            found.notes.append(f"momentum μ = {found.momentum:g} ({found.sources[MOMENTUM]})")
        return found

    def _momentum(self, found: Understanding) -> None:
        """The momentum that the sheet states; or a usual one, if nothing else explains the updates.

        A sheet that has columns of velocities tells of one: then it need only explain them better.
        """
        if found.gap > 1:
            return
        stated = [value for value, _ in self._said(MOMENTUM)]
        told = any(_VELOCITY.search(title.lower()) for title in self.table.ignored)
        plain, most = found.judged(), 0.0
        rates = [found.rate] if found.rate is not None else []
        for rate in itertools.chain(rates, self._ratios(plain)):
            most = max(most, self._fit(plain, rate))
            if most > _MOST_FIT and not told:  # what another rate explains needs no momentum
                return
        best: tuple[float, Estimate] | None = None
        most = most if told else max(most, _MOST_FIT)
        for each in stated or _MOMENTA:
            if not 0.0 < each < 1.0:
                continue
            found.momentum = each
            judged = found.judged()
            for rate in [*rates, *self._ratios(judged)]:
                if rate.value[0] > 0.0 and (fit := self._fit(judged, rate)) > most:
                    best, most = (each, rate), fit
        found.momentum = 0.0
        if best is not None:
            found.momentum, rate = best
            if found.rate is not rate:
                found.doubts.clear()
                self._settle(found, rate, "from the updates")

    # --- readings of one quantity ------------------------------------------------------------------

    def _stated(self, name: str) -> list[Given]:
        return [each for each in self.context.beside if each.name == name]

    def _options(
        self, standard: Sequence[Mapping[str, float]], solved: Callable[[], Mapping[str, float] | None]
    ) -> Iterator[_Told]:
        """Readings of several quantities, the likeliest first: numbers and where they are from."""
        missing = [name for name in standard[0] if name not in self.table.columns]
        stated = {name: self._stated(name) for name in missing}
        if all(stated.values()):
            for turn in range(min(max(map(len, stated.values()), default=1), 4)):
                yield _told(each[min(turn, len(each) - 1)] for each in stated.values())
            return
        for numbers in standard:
            yield self._read_or_assumed(missing, numbers)
        found = solved()
        if found is not None:
            yield {name: found[name] for name in missing}, dict.fromkeys(missing, "from the numbers")

    def _read_or_assumed(self, names: Iterable[str], numbers: Mapping[str, float]) -> _Told:
        """What stands beside the names, and what the problem says for those where nothing does."""
        values, sources = {}, {}
        for name in names:
            stated = self._stated(name)
            values[name] = stated[0].value if stated else numbers[name]
            sources[name] = reference(stated[0].place) if stated else "assumed"
        return values, sources

    def _weights(self) -> _Told:
        """The weights of the first row, also of those that a column holds: it may hold later ones."""
        values, sources = self._read_or_assumed(self.problem.weights, self.problem.weights)
        held = [name for name, each in self.table.columns.items() if not math.isnan(each.values[0])]
        return values, {name: source for name, source in sources.items() if name not in held}

    def _biases(self, inputs: Mapping[str, float]) -> Iterator[tuple[tuple[str, ...], *_Told]]:
        columns = self.table.columns
        if self.context.biases is not None:
            yield self._zero_where_unsaid(self.context.biases)
            return
        for names in reversed(self.problem.biases):  # some of them are there
            held = {name: self._stated(name)[0].value for name in names if self._stated(name)}
            there = [name for name in names if name in columns or name in held]
            if 0 < len(there) < len(names) and tuple(there) not in self.problem.biases:
                missing = [name for name in names if name not in there]
                start, known = dict.fromkeys(missing, 0.0), {**inputs, **held}
                solved = self._solved(self._network(names), start, known, 4)
                if solved is not None:
                    yield names, {**held, **solved}, dict.fromkeys(missing, "from the numbers")
                else:
                    yield self._zero_where_unsaid(names)
        for names in reversed(self.problem.biases):
            stated = {name: self._stated(name) for name in names if name not in columns}
            if all(stated.values()):
                yield names, *_told(each[0] for each in stated.values())
                if any(name in columns for name in names):
                    return
        yield (), {}, {}
        for names in self.problem.biases[:1]:
            solved = self._solved(self._network(names), dict.fromkeys(names, 0.0), inputs, 4)
            if solved is not None and max(map(abs, solved.values())) > _SMALL:
                solved = {name: value if abs(value) > _SMALL else 0.0 for name, value in solved.items()}
                yield names, solved, dict.fromkeys(names, "from the numbers")

    def _zero_where_unsaid(self, names: tuple[str, ...]) -> tuple[tuple[str, ...], *_Told]:
        """These biases, 0 where the sheet does not say them."""
        unsaid = [name for name in names if name not in self.table.columns]
        return names, *self._read_or_assumed(unsaid, dict.fromkeys(unsaid, 0.0))

    def _network(self, biases: tuple[str, ...] = ()) -> Network:
        return self.problem.network(next(iter(self.problem.losses)), biases)

    # --- solving for what is nowhere written -------------------------------------------------------

    def _solved(
        self,
        network: Network,
        start: Mapping[str, float],
        given: Mapping[str, float],
        digits: int = 6,
        rows: int = _LOOK,
    ) -> dict[str, float] | None:
        """The numbers, the same in all rows, by which the columns come about from those before them.

        By Gauss and Newton's method; what fits worse counts less, so a column with a slip is outvoted.
        """
        rows = min(rows, self.count)
        columns = {name: column.values[:rows] for name, column in self.table.columns.items()}
        start = {name: number for name, number in start.items() if name not in columns}
        known = {name: np.full(rows, number) for name, number in given.items() if name not in start} | columns
        if not {*network.leaves} - {*network.targets} <= {*known, *start}:
            return None
        point = np.array(list(start.values()))
        residuals: npt.NDArray[np.float64] = np.zeros(0)
        for _ in range(_ROUNDS):
            residuals, *moved = (
                self._residuals(network, dict(zip(start, point + step)), known)
                for step in (0.0, *(1e-4 * np.eye(len(point))))
            )
            slopes = np.stack([(each - residuals) / 1e-4 for each in moved], axis=1)
            usable = np.isfinite(residuals) & np.isfinite(slopes).all(axis=1) & slopes.any(axis=1)
            weight = 1.0 / np.sqrt(np.abs(residuals[usable]) + 1e-12)
            matrix = slopes[usable] * weight[:, None]
            if len(matrix) < len(point) or np.linalg.matrix_rank(matrix) < len(point):
                return None
            point = point - np.linalg.lstsq(matrix, weight * residuals[usable], rcond=None)[0]
            residuals = residuals[usable]
        if not np.isfinite(point).all() or np.median(np.abs(residuals)) > _SMALL:
            return None
        return {name: round(float(f"{value:.{digits}g}"), 12) for name, value in zip(start, point)}

    @staticmethod
    def _residuals(
        network: Network, unknown: Mapping[str, float], known: Mapping[str, npt.NDArray[np.float64]]
    ) -> npt.NDArray[np.float64]:
        """How far each printed number is from what the columns before it give: shape (columns · rows,).

        The gradients count for what only the loss reads, the forward pass for all else.
        """
        late = not network.targets.isdisjoint(unknown)
        values: dict[str, Any] = {**known, **unknown}
        found = []
        for name, formula in network.formulas.items():
            if set(names_in(formula)) <= values.keys():
                computed = evaluate(formula, values)
                values.setdefault(name, computed)
                if name in known and not late and name not in network.losses:
                    found.append(computed - known[name])
        if late:
            for name in network.with_needed(
                map(network.gradient, filter(network.weights.__contains__, network.trained))
            ):
                if set(names_in(network.closed(name))) <= values.keys():
                    values[name] = evaluate(network.closed(name), values)
                    if name in known:
                        found.append(values[name] - known[name])
        return np.concatenate(found) if found else np.zeros(0)

    # --- choosing ----------------------------------------------------------------------------------

    def _candidate(
        self, loss: str, biases: tuple[str, ...], values: Mapping[str, float], after: bool
    ) -> Understanding:
        given = {name: exactly(value, self.count) for name, value in values.items()}
        network = self.problem.network(loss, biases)
        how: dict[str, Any] = {"given": given, "after": after, "loss": loss}
        return Understanding(table=self.table, problem=self.problem, network=network, **how)

    def _forward(self) -> Understanding:
        """Inputs, biases, and whether a row holds its weights before or after its update."""
        loss = next(iter(self.problem.losses))
        weights, weight_sources = self._weights()
        inputs, targets = self.problem.inputs, self.problem.targets[0]
        best: tuple[tuple[int, int], Understanding] | None = None
        for values, sources in self._options([inputs], lambda: self._solved(self._network(), inputs, {})):
            for names, biases, bias_sources in self._biases(values):
                for after in (False, True):
                    known = {**targets, **weights, **values, **biases}
                    found = self._candidate(loss, names, known, after)
                    found.sources = {**weight_sources, **sources, **bias_sources}
                    score = self._early(found)
                    # Another order of rows, or a bias that nobody names, must explain more than it spoils.
                    penalty = after or "from the numbers" in bias_sources.values()
                    if best is None or (score[0] + penalty, score[1]) < best[0]:
                        best = score, found
                    if score == (0, 0) or not any(name in self.table.columns for name in weights):
                        break
                if best is not None and best[0] == (0, 0):
                    return best[1]
        assert best is not None
        return self._with_weights(*best)

    def _with_weights(self, score: tuple[int, int], found: Understanding) -> Understanding:
        """With first weights that no cell holds worked out, where those that were assumed explain less."""
        missing = [name for name in self.problem.weights if found.sources.get(name) == "assumed"]
        known = {name: float(each.value[0]) for name, each in found.given.items() if name not in missing}
        start = {name: self.problem.weights[name] for name in missing if name not in self.table.columns}
        solved = self._solved(found.network, start, known, rows=1) if start else None
        if solved is None:
            return found
        other = self._candidate(found.loss, found.network.biases, {**known, **solved}, found.after)
        other.sources = {**found.sources, **dict.fromkeys(solved, "from the numbers")}
        return other if self._early(other)[0] < score[0] else found

    @staticmethod
    def _early(found: Understanding) -> tuple[int, int]:
        """How many columns of the forward pass, up to the losses, are wrong, and how many of their cells."""
        judged, network = found.judged(_LOOK), found.network
        wrong = [len(judged[name].wrong) for name in network.formulas if name not in network.losses]
        return sum(map(bool, wrong)), sum(wrong)

    def _targets(self, found: Understanding) -> Understanding:
        """The targets, and how the loss is defined."""
        best: tuple[tuple[int, int], Understanding] | None = None
        network = found.network
        numbers = {name: float(each.value[0]) for name, each in found.given.items()}
        targets = self.problem.targets
        solved = functools.partial(self._solved, network, targets[0], numbers)
        options = list(self._options(targets, solved))
        usual, rate = next(iter(self.problem.losses)), self._said_rate()
        for (values, sources), loss in itertools.product(options, self.problem.losses):
            each = self._candidate(loss, network.biases, {**numbers, **values}, found.after)
            each.sources = {**found.sources, **sources}
            judged = each.judged(_LOOK, rate)
            # Another definition must explain the losses themselves, or much else.
            spoils = loss != usual and any(len(judged[name].wrong) for name in each.network.losses)
            score = len(judged.wrong_columns) + 2 * spoils, judged.mistakes
            if best is None or score < best[0]:
                best = score, each
            if score == (0, 0):
                break
        assert best is not None
        chosen = best[1]
        if remark := self.problem.losses[chosen.loss]:
            chosen.notes.append(remark)
        return chosen

    def _said_rate(self) -> Estimate | None:
        """The learning rate that the sheet states, if it states one."""
        column, stated = self.table.columns.get(RATE), {each.value for each in self._stated(RATE)}
        if column is not None and not np.isnan(column.values).any():
            return Estimate(column.values, np.zeros(self.count))
        return exactly(stated.pop(), self.count) if len(stated) == 1 else None

    def _epochs(self, found: Understanding) -> None:
        column = self.table.columns.get(EPOCH)
        if column is None or self.count < 3:
            return
        gap, *others = map(float, np.diff(column.values))
        if any(other != gap for other in others):
            found.doubts.append(f"the numbers in column {column.header} do not go up evenly")
        elif gap > 1.0 and gap.is_integer():
            if found.after or gap > _MOST_UPDATES:
                raise NotUnderstood(
                    f"its rows are {gap:g} epochs apart, too far to compute one from the one before"
                )
            found.gap = int(gap)
            how = f"each is computed from the one before by {gap:g} updates"
            found.notes.append(f"the rows are {gap:g} epochs apart: {how}")

    # --- the learning rate -------------------------------------------------------------------------

    def _rate(self, found: Understanding, lr: float | None) -> None:
        """The learning rate; one that the user gave is held against the sheet's own, which is used then."""
        self._own_rate(found)
        self._momentum(found)
        if lr is None:
            return
        own, asked = found.rate, exactly(lr, self.count)
        judged = found.judged()
        if own is not None and self._fit(judged, own) >= max(self._fit(judged, asked), _MOST_FIT):
            used = float(own.value[0])
            if np.all(np.abs(own.value - lr) <= own.error + 1e-12 * lr):
                found.sources[RATE] = "--lr"
            else:
                source = found.sources[RATE]
                where = "" if source == "from the updates" else f" ({source})"
                found.faults.append(f"the updates use η = {used:.9g}{where}, --lr says {lr:g}")
            return
        said = self._said(RATE)
        found.faults.clear()
        found.doubts.clear()
        if said and all(value != lr for value, _ in said):
            found.faults.append(f"{said[0][1]} says η = {said[0][0]:g}, --lr says {lr:g}")
        self._settle(found, asked, "--lr")

    def _said(self, name: str) -> list[tuple[float, str]]:
        """The learning rates, or momenta, that the sheet states, and where."""
        column = self.table.columns.get(name)
        said = [(float(value), f"column {name}") for value in dict.fromkeys(column.values if column else ())]
        return said + [(each.value, reference(each.place)) for each in self._stated(name)]

    def _own_rate(self, found: Understanding) -> None:
        column, stated = self.table.columns.get(RATE), self._stated(RATE)
        updates = found.after or any(updated(name) in self.table.columns for name in found.network.trained)
        if column is not None and column.texts:
            row, text = next(iter(column.texts.items()))
            place = self.table.cell(RATE, row)
            found.faults.append(f"{place} holds {text:.40}, where a learning rate belongs")
        if column is not None and not np.isnan(column.values).all():
            values = np.where(np.isnan(column.values), np.nanmedian(column.values), column.values)
            self._settle(found, Estimate(values, np.zeros(self.count)), f"column {column.header}")
            return
        if self.count < 2 and not updates:
            if stated:
                self._settle(found, exactly(stated[0].value, self.count), reference(stated[0].place))
            return
        used = self._by_use(found)
        options = [used] if used else [(each.value, reference(each.place)) for each in stated]
        judged = found.judged()
        if options:
            value, source = max(options, key=lambda option: self._fit(judged, exactly(option[0], self.count)))
            self._settle(found, exactly(value, self.count), source)
            others = {each.value for each in stated}
            if used and others and value not in others:
                found.doubts.append(
                    f"the updates use η = {value:g} ({source}), but "
                    f"{reference(stated[0].place)} says {stated[0].value:g}"
                )
            return
        if found.gap > 1 or not any(name in judged.columns for name in found.network.trained):
            self._guess(found, judged)
            return
        fits = [(self._fit(judged, ratio), ratio) for ratio in self._ratios(judged)]
        # Downhill, if that explains any of them.
        most, best = max(
            fits, key=lambda each: (each[1].value[0] > 0.0 < each[0], each[0]), default=(0.0, None)
        )
        if best is None or not most:
            found.doubts.append(
                "the updates are not checked: the learning rate is nowhere stated, and they do not tell it. "
                "Give it with --lr"
            )
        elif best.value[0] > 0.0:
            self._settle(found, best, "from the updates")
        elif best.value[0] < 0.0:  # uphill: judged by the same rate with the right sign
            self._settle(found, Estimate(-best.value, best.error), "from the updates, whose sign is turned")
        else:
            self._settle(found, exactly(self.problem.rate, self.count), NO_CHANGE)

    def _settle(self, found: Understanding, rate: Estimate, source: str) -> None:
        found.rate, found.sources[RATE] = rate, source
        if not np.all(rate.value > 0.0):
            worst = float(np.min(np.nan_to_num(rate.value, nan=-math.inf)))
            found.faults.append(
                f"the learning rate η = {worst:g} ({source}) is not greater than 0: no update makes the loss "
                "smaller"
            )

    def _fit(self, judged: Judgement, rate: Estimate) -> float:
        """How many of the updates the learning rate explains, from 0 to 1."""
        shares = []
        for name in judged.network.trained:
            if not judged.moves(name) or (shown := judged.after_update(name)) is None:
                continue
            later, below = shown
            predicted = judged.predictions(name, rate)
            fits = later.fits(*[each.moved_down() if below else each for each in predicted])
            if below and later.is_coarse:
                fits &= later.fits(*judged.drifts(name, rate))
            rows = judged.count - below
            after, before = later.printed.value[int(below) :], judged[name].full.value[:rows]
            # A weight without a gradient stays where it is at any rate.
            tells = (judged[judged.network.gradient(name)].own.value[:rows] != 0.0) | (after != before)
            if tells.any():
                shares.append(fits[int(below) :][tells].mean())
        return float(np.mean(shares)) if shares else 0.0

    def _ratios(self, judged: Judgement) -> Iterator[Estimate]:
        """Learning rates by which one weight is updated: −Δw over ∂E/∂w, as a round number if it is near."""
        for name in filter(judged.moves, judged.network.trained):
            shown = judged.after_update(name)
            if shown is None:
                continue
            later, below = shown
            weight = judged[name].full
            if below:
                step = np.append(weight.value[:-1] - weight.value[1:], math.nan)
                slack = np.append(weight.error[:-1] + weight.error[1:], 0.0)
            else:
                step = weight.value - later.printed.value
                slack = weight.error + later.printed.error
            slope = judged.carried(judged[judged.network.gradient(name)].own).value
            ratios, errors = step / slope, (slack + 4e-15) / np.abs(slope)
            usable = np.isfinite(ratios) & np.isfinite(errors)
            if not usable.any():
                continue
            yield self._rounded(float(np.median(ratios[usable])), float(np.median(errors[usable])))
            slope, step = slope[usable], step[usable]
            squares, size = float(np.sum(slope * slope)), float(np.sum(np.abs(slope)))
            if squares:
                one_sign = abs(float(np.sum(slope))) > 0.9 * size
                rate = np.sum(step) / np.sum(slope) if one_sign else np.sum(step * slope) / squares
                yield self._rounded(float(rate), size * float(np.max(slack[usable])) / squares)

    def _rounded(self, rate: float, error: float) -> Estimate:
        short = shortest(rate, error + 1e-9 * abs(rate))
        if short is not None:
            return exactly(short, self.count)
        return Estimate(np.full(self.count, rate), np.full(self.count, error))

    def _guess(self, found: Understanding, judged: Judgement) -> None:
        """The rate that suits the table best, of those of courses and round ones near what weights tell."""
        means = [float(each.value[0]) / found.gap for each in self._ratios(judged)] if found.gap > 1 else []
        near = {float(f"{rate:.{digits}g}") for rate in means if rate > 0.0 for digits in (1, 2)}
        options = [exactly(rate, self.count) for rate in (*self.problem.rates, *sorted(near))]
        rate = min(options, key=lambda each: found.judged(_LOOK, each).mistakes)
        best = found.judged(_LOOK, rate)
        cells = best.count * len(best.columns)
        if best.mistakes > 0.5 * cells or (found.gap > 1 and not self._fit(best, rate)):
            found.doubts.append(
                "the updates are not checked: the learning rate is nowhere stated. Give it with --lr"
            )
        else:
            self._settle(found, rate, "by trying")

    def _by_use(self, found: Understanding) -> tuple[float, str] | None:
        """The number outside the table that the update formulas multiply with, if most of them agree."""
        table, calculator = self.table, Calculator(self.context.book)
        votes: Counter[tuple[float, str]] = Counter()
        for name in found.network.trained:
            later = updated(name) if updated(name) in table.columns else name
            row = 0 if found.after or later != name else 1
            if later not in table.columns or row >= self.count:
                continue
            try:
                formula = parsed(table.sheet.formula(table.place(later, row)), self.context.book)
                outside = {
                    (value, each.text.replace("$", ""))
                    for each in formula.references
                    if each.count == 1 and (each.sheet or table.who(each.first) is None)
                    for value in calculator.values(table.sheet.name, each)
                    if isinstance(value, float)
                }
            except FormulaError:
                continue
            numbers = set(formula.constants) - {1.0} or {1.0}
            if len(outside) == 1:
                votes.update(outside)
            elif not outside and len(numbers) == 1:
                votes.update({(float(numbers.pop()), "in the formulas")})
        if not votes:
            return None
        (value, source), count = votes.most_common(1)[0]
        return (value, source) if count > 0.5 * sum(votes.values()) else None
