"""`misallocation`: what output would gain if factors moved between units."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import OpenShare, Range, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import DomainError, sample

__all__ = ["MisallocationResult", "misallocation"]


@dataclass(frozen=True, repr=False, eq=False)
class MisallocationResult(Displayed):
    """The allocation of factors between units, compared with the efficient one.

    Attributes
    ----------
    frame : DataFrame
        One row per period: ``gain_percent``, by which output would rise if factors moved until
        their returns were equal, and ``sd_log_tfpr``.
    distortions : DataFrame
        By (unit, period): ``tfpr`` (relative to its mean), ``tau_capital`` and ``tau_labour``
        (relative distortions; positive where a factor is dear, so that the unit has too little).
    spec : Spec
        ``output, capital, labour, alpha, sigma``.
    notes : tuple of str
    tests : TestSet
        Empty.

    Examples
    --------
    >>> import numpy as np
    >>> import nqp_spatial as nq
    >>> logs = {"y": "lgsp", "k": "lpc", "l": "lemp"}
    >>> panel = nq.datasets.us_public_capital()
    >>> panel = panel.assign(**{name: np.exp(panel.frame[log]) for name, log in logs.items()})
    >>> nq.structure.misallocation(panel, output="y", capital="k", labour="l").frame.shape
    (17, 2)
    """

    _figure: ClassVar[str] = "over_periods"

    frame: pd.DataFrame
    distortions: pd.DataFrame
    spec: Spec
    notes: tuple[str, ...] = ()
    tests: TestSet = field(default_factory=TestSet)

    def _blocks(self) -> list[Block]:
        return [
            t("Misallocation of {capital} and {labour}",
              capital=self.spec.capital, labour=self.spec.labour),
            self.frame,
        ]  # fmt: skip


@checked
def misallocation(
    panel: SpatialPanel,
    *,
    output: str,
    capital: str,
    labour: str,
    alpha: OpenShare = 1 / 3,
    sigma: Annotated[float, Range(1, 50, "low")] = 3.0,
) -> MisallocationResult:
    """Measure the misallocation of capital and labour between units.

    Units produce ``Y_i = A_i K_i^alpha L_i^(1 - alpha)``, combined with the constant elasticity
    sigma; revenue is proportional to ``Y_i^((sigma - 1) / sigma)``. With ``TFPR_i = revenue /
    (K^alpha L^(1 - alpha))`` the gain of equal returns is ``TFP* / TFP - 1``,
    ``TFP = [sum (A_i TFPR_bar / TFPR_i)^(sigma - 1)]^(1 / (sigma - 1))``. The relative distortion
    of a factor is ``tau = share of output / share of the factor - 1``.

    Parameters
    ----------
    panel : SpatialPanel
    output, capital, labour : str
        Columns, positive: revenue or value added, and the factors.
    alpha : float
        Elasticity of capital, in (0, 1).
    sigma : float
        Elasticity of substitution, above 1. The gain grows with it.

    Returns
    -------
    MisallocationResult

    Raises
    ------
    OptionError
        If alpha or sigma is out of range.
    DomainError
        If a value is not positive.

    Notes
    -----
    Sources: Hsieh, C.-T. and Klenow, P. (2009), Quarterly Journal of Economics 124, 1403-1448,
    equations 12 to 19, for one sector; relative distortions as in Chen, Y. and Hu, W. (2011), China
    Economic Quarterly 10, 1401-1422, with one elasticity for all units. Measured misallocation
    contains measurement error and differences in technology.

    Examples
    --------
    >>> import pandas as pd
    >>> import nqp_spatial as nq
    >>> frame = pd.DataFrame({"id": [1, 2], "y": [1.0, 1.0], "k": [2.0, 1.0], "l": [1.0, 1.0]})
    >>> result = nq.structure.misallocation(
    ...     nq.SpatialPanel(frame, unit="id"), output="y", capital="k", labour="l")
    >>> result.distortions["tau_capital"].round(3).tolist()
    [-0.25, 0.5]
    """
    columns = {"output": output, "capital": capital, "labour": labour}
    values = {name: panel.values(column) for name, column in columns.items()}
    for name, x in values.items():
        if (x <= 0).any():
            units = panel.units[(x <= 0).any(axis=1)]
            raise DomainError(
                f"{name} must be positive; {columns[name]!r} is not for {sample(units)}"
            )
    revenue, k, workers = values["output"], values["capital"], values["labour"]
    factors = k**alpha * workers ** (1 - alpha)
    tfpr = revenue / factors
    productivity = revenue ** (sigma / (sigma - 1)) / factors
    share = revenue / revenue.sum(axis=0)
    # Returns that all units would have: harmonic means, weighted by revenue.
    mean_k = 1 / (share * k / revenue).sum(axis=0)
    mean_l = 1 / (share * workers / revenue).sum(axis=0)
    mean_tfpr = mean_k**alpha * mean_l ** (1 - alpha)
    power = sigma - 1
    actual = ((productivity * mean_tfpr / tfpr) ** power).sum(axis=0) ** (1 / power)
    efficient = (productivity**power).sum(axis=0) ** (1 / power)
    distortions = pd.DataFrame(
        {
            "tfpr": (tfpr / tfpr.mean(axis=0)).ravel(),
            "tau_capital": (share / (k / k.sum(axis=0)) - 1).ravel(),
            "tau_labour": (share / (workers / workers.sum(axis=0)) - 1).ravel(),
        },
        index=panel.frame.index,
    )
    gains = {
        "gain_percent": 100 * (efficient / actual - 1), "sd_log_tfpr": np.log(tfpr).std(axis=0)
    }  # fmt: skip
    return MisallocationResult(
        frame=pd.DataFrame(gains, index=panel.periods),
        distortions=distortions,
        spec=Spec(**columns, alpha=alpha, sigma=sigma),
    )
