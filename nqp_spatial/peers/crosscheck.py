"""A second opinion: results computed again by other programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Annotated, Any

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Rule, checked
from nqp_spatial.core.provenance import Call, call_of
from nqp_spatial.core.text import t
from nqp_spatial.errors import MissingDependencyError
from nqp_spatial.peers._quantities import NoPeerError, Quantity

__all__ = ["CrosscheckResult", "crosscheck"]

# By public function, the module and the function that compare its results.
_PEERS = {
    "dynamics.density": "_distribution.density",
    "dynamics.lisa_markov": "_chains.lisa_markov",
    "dynamics.markov": "_chains.markov",
    "dynamics.rank_mobility": "_chains.rank_mobility",
    "dynamics.spatial_markov": "_chains.spatial_markov",
    "convergence.beta": "_distribution.beta",
    "convergence.clubs": "_clubs.clubs",
    "convergence.log_t": "_distribution.log_t",
    "convergence.sigma": "_distribution.sigma",
    "esda.bivariate_moran": "_association.bivariate",
    "esda.geary": "_association.geary",
    "esda.getis_ord": "_association.getis_ord",
    "esda.lisa": "_association.lisa",
    "esda.local_geary": "_association.local_geary",
    "esda.moran": "_association.moran",
    "inequality.dagum": "_distribution.dagum",
    "inequality.theil": "_distribution.theil",
    "regression.RegressionResult.effects": "_regression.effects",
    "regression.fit": "_regression.fit",
    "spillovers.policy": "_policies.policy",
    "structure.network": "_networks.network",
    "weights.contiguity": "_weights.contiguity",
}


@dataclass(frozen=True, repr=False, eq=False)
class CrosscheckResult(Displayed):
    """Numbers of a result beside those of other programs.

    Attributes
    ----------
    frame : DataFrame
        One row per quantity: ``ours, theirs`` (of several entries, those that differ most),
        ``entries``, ``digits`` that agree, ``wanted`` (digits that show agreement, given how both
        are computed), ``program`` with its version, ``agrees`` and ``reason``.
    spec : Spec
        ``function``, by which the result was made.
    notes : tuple of str
        Why there is nothing to compare with, if so.
    tests : TestSet
        Empty.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> moran = nq.esda.moran(panel, "income", nq.weights.contiguity(panel), permutations=0)
    >>> check = nq.crosscheck(moran)
    >>> check.agrees, check.frame.loc["moran_i", "program"].split()[0]
    (True, 'esda')
    """

    _figure = "digits"

    frame: pd.DataFrame
    spec: Spec
    notes: tuple[str, ...] = ()
    tests: TestSet = field(default_factory=TestSet)

    @property
    def agrees(self) -> bool:
        """Whether each quantity agrees to the digits wanted; False where nothing was compared."""
        return bool(len(self.frame) and self.frame["agrees"].all())

    def _blocks(self) -> list[Block]:
        if self.frame.empty:
            return [f"Second opinion on {self.spec.function}: none", *notes_of(self.notes)]
        table = self.frame[["ours", "theirs", "entries", "digits", "program"]]
        reasons = self.frame.loc[self.frame["reason"] != "", "reason"].drop_duplicates()
        lines = [t("{quantity}: {reason}", quantity=name, reason=why)
                 for name, why in reasons.items()]  # fmt: skip
        count = int(self.frame["agrees"].sum())
        title = (
            f"Second opinion on {self.spec.function}: {count} of {len(self.frame)} quantities agree"
        )
        return [title, table, *notes_of((*lines, *self.notes))]


def _is_stored(value: Any) -> str:
    return "a stored result does not know its data: compute it again" * hasattr(value, "spec")


#: A result whose call is known.
Remembered = Annotated[
    Any,
    Rule(
        "what a function of this package returned in this session",
        lambda value: call_of(value) is not None,
        _is_stored,
    ),
]


@checked
def crosscheck(result: Remembered) -> CrosscheckResult:
    """Compute a result again with independent programs, from the same data and options.

    Moran's I, Geary's c, local statistics and Gi by esda; chains and rank mobility by giddy;
    regressions and effects by spreg, statsmodels and linearmodels, with the effects of panels
    removed first; the log t regressions of clubs, given their members, by statsmodels, and members
    by geometrics, which has ``critical="increasing"`` and Phillips and Sul's variance; policies
    without exposure or by rings by diff-diff; inequality by the package inequality; densities by
    scipy; networks by networkx; contiguity by libpysal.
    Digits that agree are ``-log10(|a - b| / |b|)``, of the entry that differs most.

    Parameters
    ----------
    result : object
        As a function of this package returned it, in this session: a result that was stored and
        read again does not know its data.

    Returns
    -------
    CrosscheckResult
        Without rows, and with a note, where no other program computes the same.

    Raises
    ------
    OptionError
        If the object is not a result of this package, or was stored and read again.
    MissingDependencyError
        If the other program is not installed (extra ``peers``).

    Notes
    -----
    P-values by relocation are not compared: every program draws its own. Neither are tests without
    a counterpart.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> res = nq.fit("lgsp ~ lpc + lemp", panel, w, model="sar", effects="unit")
    >>> nq.crosscheck(res).agrees
    True
    """
    call = call_of(result)
    assert call is not None  # or the result would not have been taken
    spec = Spec(function=call.name)
    path = _PEERS.get(call.name)
    if path is None:
        note = t("no other Python program is known that computes {name}", name=call.name)
        return CrosscheckResult(_frame([]), spec, (note,))
    try:
        return CrosscheckResult(_frame(_comparison(path)(call, result)), spec)
    except NoPeerError as error:
        return CrosscheckResult(
            _frame([]), spec, (t("not compared: {reason}", reason=error.reason),)
        )
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"crosscheck of {call.name} needs the package {error.name}; install the extra, "
            'pip install "nqp-spatial[peers]"'
        ) from error


def _comparison(path: str) -> Callable[[Call, Any], list[Quantity]]:
    module, _, name = path.partition(".")
    function: Callable[[Call, Any], list[Quantity]] = getattr(
        import_module(f"nqp_spatial.peers.{module}"), name
    )
    return function


def _frame(rows: list[Quantity]) -> pd.DataFrame:
    columns: Mapping[str, type] = {
        "ours": float, "theirs": float, "entries": int, "digits": float, "wanted": float,
        "program": object, "agrees": bool, "reason": object,
    }  # fmt: skip
    data = {name: [getattr(row, name) for row in rows] for name in columns}
    index = pd.Index([row.name for row in rows], name="quantity", dtype=object)
    frame = pd.DataFrame(data, index).astype(dict(columns))
    frame["digits"] = np.floor(frame["digits"] * 10) / 10
    return frame
