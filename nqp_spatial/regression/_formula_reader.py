"""A formula as a whole: its tokens, the number of its terms, and its two sides."""

from __future__ import annotations

import math
from typing import Any

from nqp_spatial.errors import OptionError, sample
from nqp_spatial.regression._formula_functions import (
    DEEPEST,
    LARGEST,
    LONGEST,
    MOST_TERMS,
    SIGNS,
    Functions,
)
from nqp_spatial.regression._formula_python import PythonReader, columns_in

__all__ = ["FormulaReader"]


class FormulaReader(PythonReader):
    """Reads the parts of one formula, collects its columns, and refuses what is not supported."""

    def __init__(self, formula: str, name: str, functions: Functions, known: list[str]) -> None:
        super().__init__(formula, name, functions, known)
        self.tildes = 0

    def read(self) -> None:
        """Check every token."""
        from formulaic.errors import FormulaicError
        from formulaic.parser.algos.sanitize_tokens import sanitize_tokens
        from formulaic.parser.algos.tokenize import tokenize

        self._require_bounded()
        try:
            for token in sanitize_tokens(tokenize(self.formula)):
                self._token(token)
        except OptionError:
            raise
        except (RecursionError, MemoryError) as error:
            raise self.refused("cannot be read: it is nested too deeply") from error
        except (FormulaicError, SyntaxError, ValueError) as error:
            raise self.unreadable(error) from error
        wanted = 1 if self.name == "formula" else 0
        if self.tildes != wanted:
            raise self.refused(
                f"must read 'y ~ x1 + x2', with one '~'; it has {self.tildes}"
                if wanted
                else "is the right side of a formula alone, without '~'"
            )

    def _require_bounded(self) -> None:
        depth = deepest = 0
        for sign in self.formula:
            depth += (sign in "([{") - (sign in ")]}")
            deepest = max(deepest, depth)
        if len(self.formula) > LONGEST or deepest > DEEPEST:
            raise self.refused(
                f"is longer than {LONGEST:,} signs or deeper than {DEEPEST} brackets; make "
                "columns with panel.assign instead"
            )
        if not self.formula.strip() or self.formula.rstrip().endswith("~"):
            raise self.refused("has nothing on its right side; write 'y ~ 1' for a constant alone")
        if "``" in self.formula:
            raise self.refused("has backticks with no name between them")

    def _token(self, token: Any) -> None:
        kind, self.term = token.kind.value, str(token.token)
        if kind == "operator":
            self.tildes += self.term.count("~")
            self._operator()
        elif kind == "value":
            try:
                number = float(self.term)
            except ValueError:
                raise self.refused(
                    f"contains the text {self.term}: write columns without quotes, or in backticks"
                ) from None
            if not abs(number) <= LARGEST:
                raise self.refused(f"contains the number {self.term}, which is too large")
        elif kind == "name":
            self.columns[self.term] = None
            self.bare.add(self.term)
        elif kind == "python":
            self.read_python()
        elif self.term not in ("(", ")"):
            raise self.refused(f"contains {self.term!r}: group terms with round brackets")

    def _operator(self) -> None:
        if self.term == ".":
            raise self.refused("contains '.': name the columns that it should stand for")
        if "|" in self.term:
            raise self.refused(
                "contains '|': instruments are not a part of the formula; give endogenous= and "
                "instruments= with estimator='gs2sls'"
            )
        if not set(self.term) <= SIGNS:
            raise self.refused(f"contains {self.term!r}, which is no operator of formulas")

    def require_few_terms(self) -> None:
        """Refuse products and powers that expand into too many terms."""
        from formulaic.parser import DefaultFormulaParser

        tree = DefaultFormulaParser().parse(self.formula, target="ast")
        sizes: dict[int, float] = {}
        waiting = [(tree, False)]
        while waiting:
            node, ready = waiting.pop()
            parts = getattr(node, "args", ())
            if not ready and parts:
                waiting += [(node, True), *((part, False) for part in parts)]
                continue
            size = self._size(node, [sizes[id(part)] for part in parts]) if parts else 1.0
            if size > MOST_TERMS:
                raise self.refused(
                    f"multiplies out into {size:,.0f} terms or more, the most are {MOST_TERMS:,}: "
                    "write the terms that are wanted"
                )
            sizes[id(node)] = size

    def _size(self, node: Any, sizes: list[float]) -> float:
        symbol = node.operator.symbol
        if symbol in ("**", "^"):
            power = str(getattr(node.args[1], "token", ""))
            if not (power.isdigit() and 1 <= int(power[:4]) <= 10):
                raise self.refused(
                    f"contains a power of terms, {symbol} {power or '...'}: it must be a whole "
                    "number from 1 to 10 (a power of a column is written I(x ** 2))"
                )
            return float(sizes[0] ** int(power))
        if symbol == ":":
            return math.prod(sizes)
        if symbol in ("*", "/"):
            return sum(sizes) + math.prod(sizes)
        return sum(sizes)

    # -- both sides --------------------------------------------------------------------------------

    def require_sides(self, parsed: Any) -> None:
        """Refuse formulas without exactly one outcome, or with the outcome as its own regressor."""
        if not (hasattr(parsed, "lhs") and hasattr(parsed, "rhs")):
            raise self.refused("must have an outcome on its left: 'y ~ x1 + x2'")
        outcomes = list(parsed.lhs)
        if len(outcomes) != 1 or str(outcomes[0]) == "1":
            raise self.refused(
                "must have one numeric column on its left side, it has "
                f"{sample(map(str, outcomes)) or 'none'}"
            )
        outcome = {
            name for factor in outcomes[0].factors for name in columns_in(factor, self.functions)
        }
        for factor in (factor for term in parsed.rhs for factor in term.factors):
            same = len(outcome) == 1 and columns_in(factor, self.functions) == outcome
            if same or factor in outcomes[0].factors:
                raise self.refused(
                    f"has {str(outcomes[0])!r} on its left and {str(factor)!r} on its right side: "
                    "an outcome cannot explain itself; leave it out, or use its past "
                    "(time_lag=True)"
                )
