"""The border to the solver: its expressions are known here alone, and everywhere else they are what this hands out.

z3 ships no types, so its expressions are ``Any`` behind this border. Each ``Solving`` has a context of its own:
the one that all of z3 shares is not thread-safe. Truths that are known beforehand stay Python bools.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from fractions import Fraction
from importlib.util import find_spec
from typing import Any, Literal, NamedTuple

from ..errors import SolverMissing

Bit = Any
"""A truth: a Python bool where it is known, else the solver's."""

TIMEOUT = 2000
"""How long the solver may think about one question, in milliseconds."""

AT_FIRST = 200_000
"""How many of its own steps the solver may take before a clock is set for it, which costs as much as most questions."""

_NO_CLOCK = 2**32 - 1


def installed() -> bool:
    """Whether there is a solver."""
    return find_spec("z3") is not None


class Answer(NamedTuple):
    """What the solver says.

    Args:
        verdict: whether all that was asked for can be; None where it did not find out.
        model: values, where it can and they were asked for.
        core: where it cannot and that was asked for, which of what was wanted cannot be together.
    """

    verdict: bool | None
    model: Any = None
    core: tuple[int, ...] = ()


class Solving:
    """The solver, with a context of its own.

    Raises:
        SolverMissing: it is not installed.
    """

    def __init__(self) -> None:
        try:
            import z3  # type: ignore[import-untyped]  # z3 ships no types
        except ImportError as error:
            raise SolverMissing("the solver z3 is not installed. Run: pip install 'guideway[check]'") from error
        self._z3: Any = z3
        self._context = self._z3.Context()
        self._ref = self._context.ref()
        self._solver = self._z3.SimpleSolver(ctx=self._context)  # a solver for each question costs four times as much
        self._solver.set("rlimit", AT_FIRST)
        self._solver.set("core.minimize", True)
        self._true, self._false = (self._z3.BoolVal(value, self._context) for value in (True, False))
        self._made: dict[Hashable, list[Bit]] = {}
        self._facts: Sequence[Bit] | None = None
        self._names: list[Any] = []
        self._asked: dict[int, tuple[Any, Bit]] = {}

    # unknowns and constants

    def bit(self, name: str) -> Bit:
        """An unknown truth."""
        return self._z3.Bool(name, self._context)

    def whole(self, name: str) -> Any:
        """An unknown whole number."""
        return self._z3.Int(name, self._context)

    def real(self, name: str) -> Any:
        """An unknown number."""
        return self._z3.Real(name, self._context)

    def number(self, value: int | Fraction) -> Any:
        """A number that is known."""
        if value.denominator == 1:
            return self._z3.IntVal(int(value), self._context)
        return self._z3.RatVal(value.numerator, value.denominator, self._context)

    def known(self, bit: bool) -> Any:
        """A truth that is known, as the solver has it."""
        return self._true if bit else self._false

    def amount(self, bit: Bit, number: int) -> Any:
        """A number where something is true, else nothing."""
        return self._z3.If(bit, number, 0)

    def relation(self, name: str, *sorts: Literal["whole", "real", "bit"]) -> Any:
        """An unknown relation of values of these sorts."""
        return self._z3.Function(name, *(self._sort(sort) for sort in sorts), self._z3.BoolSort(self._context))

    def measure(self, name: str, sort: Literal["whole", "real"]) -> Any:
        """An unknown function of a whole number that gives a number."""
        return self._z3.Function(name, self._sort("whole"), self._sort(sort))

    def _sort(self, sort: str) -> Any:
        made = {"whole": self._z3.IntSort, "real": self._z3.RealSort, "bit": self._z3.BoolSort}[sort]
        return made(self._context)

    # building

    def both(self, *bits: Bit) -> Bit:
        """Whether all are true."""
        open_bits = [bit for bit in bits if bit is not True]
        if any(bit is False for bit in open_bits):
            return False
        if len(open_bits) < 2:
            return open_bits[0] if open_bits else True
        return self._truth_of(self._z3.Z3_mk_and, open_bits)

    def either(self, *bits: Bit) -> Bit:
        """Whether one is true."""
        open_bits = [bit for bit in bits if bit is not False]
        if any(bit is True for bit in open_bits):
            return True
        if len(open_bits) < 2:
            return open_bits[0] if open_bits else False
        return self._truth_of(self._z3.Z3_mk_or, open_bits)

    def _truth_of(self, make: Callable[..., Any], bits: Sequence[Bit]) -> Bit:
        """What z3 makes of some truths; its own ``And`` and ``Or`` look at each argument again, which takes longest."""
        made = make(self._ref, len(bits), (self._z3.Ast * len(bits))(*(bit.ast for bit in bits)))
        return self._z3.BoolRef(made, self._context)

    def no(self, bit: Bit) -> Bit:
        """Whether it is false."""
        if isinstance(bit, bool):
            return not bit
        return self._z3.BoolRef(self._z3.Z3_mk_not(self._ref, bit.ast), self._context)

    def implies(self, bit: Bit, other: Bit) -> Bit:
        """Whether the other is true where the first is."""
        return self.either(self.no(bit), other)

    def same(self, bit: Bit, other: Bit) -> Bit:
        """Whether both are true, or both false."""
        if isinstance(bit, bool):
            return other if bit else self.no(other)
        if isinstance(other, bool):
            return bit if other else self.no(bit)
        return bit == other

    def as_real(self, number: Any) -> Any:
        """A number that may have a fraction."""
        return self._z3.ToReal(number) if number.is_int() else number

    def is_whole(self, number: Any) -> Bit:
        """Whether a number has no fraction."""
        return True if number.is_int() else self._z3.IsInt(number)

    def once(self, key: Hashable, make: Callable[[], Iterable[Bit]]) -> list[Bit]:
        """What is needed again and again, made once.

        Args:
            key: what it is.
            make: makes it.
        """
        if key not in self._made:
            self._made[key] = list(make())
        return self._made[key]

    # asking

    def ask(self, facts: Sequence[Bit], wanted: Sequence[Bit], *, core: bool = False, model: bool = False) -> Answer:
        """Whether what is wanted can be, given facts; questions one after the other about the same facts are cheap.

        Args:
            facts: what holds in any case; the very same list where it is asked about again.
            wanted: what is asked for.
            core: whether it is told what cannot be together.
            model: whether values are told.
        """
        if any(bit is False for bit in wanted):
            return Answer(False, core=tuple(place for place, bit in enumerate(wanted) if bit is False)[:1])
        try:
            self._begin(facts)
            names = [self._named(self._true if bit is True else bit) for bit in wanted]
            found = self._checked(names)
            if found == self._z3.sat:
                return Answer(True, self._solver.model() if model else None)
            if found == self._z3.unsat and core:
                places = {name.get_id(): at for at, name in reversed([*enumerate(names)])}
                return Answer(False, core=tuple(sorted(places[name.get_id()] for name in self._solver.unsat_core())))
            return Answer(False if found == self._z3.unsat else None)
        except self._z3.Z3Exception:  # memory, or a number that it cannot write
            self._begin(())
            return Answer(None)

    def _checked(self, names: Sequence[Any]) -> Any:
        """What the solver says, with a clock only where it does not say so soon."""
        found = self._solver.check(names)
        if found != self._z3.unknown:
            return found
        self._solver.set(rlimit=0, timeout=TIMEOUT)
        try:
            return self._solver.check(names)
        finally:
            self._solver.set(rlimit=AT_FIRST, timeout=_NO_CLOCK)

    def _begin(self, facts: Sequence[Bit]) -> None:
        """Has the solver know of these facts, and of no others."""
        if facts is self._facts:
            return
        if self._facts is not None:
            self._solver.pop()
        self._facts, self._asked = None, {}
        self._solver.push()
        self._facts = facts
        for fact in facts:
            if fact is not True:
                self._add(fact)

    def _add(self, fact: Bit) -> None:
        self._z3.Z3_solver_assert(self._ref, self._solver.solver, (self._false if fact is False else fact).ast)

    def _named(self, bit: Bit) -> Any:
        """The name by which the solver knows what is asked for, and says that it cannot be."""
        key = bit.get_id()
        if key not in self._asked:
            place = len(self._asked)
            if place == len(self._names):
                self._names.append(self._z3.Bool(f"?{place}", self._context))
            self._asked[key] = (self._names[place], bit)  # while the bit is kept, its id is no other's
            name = self._names[place]
            self._add(self._z3.BoolRef(self._z3.Z3_mk_implies(self._ref, name.ast, bit.ast), self._context))
        return self._asked[key][0]

    # reading a model

    def truth(self, model: Any, bit: Bit) -> bool:
        """A truth in a model."""
        return bit if isinstance(bit, bool) else self._z3.is_true(model.evaluate(bit, model_completion=True))

    def value(self, model: Any, number: Any) -> Fraction | None:
        """A number in a model; None where it is no fraction."""
        found = model.evaluate(number, model_completion=True)
        if self._z3.is_int_value(found):
            return Fraction(found.as_long())
        if self._z3.is_rational_value(found):
            return Fraction(found.numerator_as_long(), found.denominator_as_long())
        return None
