"""`diversity`: how evenly a unit's total is distributed over its parts, how related these are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import DomainError, OptionError, sample

__all__ = ["diversity"]


@checked
def diversity(panel: SpatialPanel, columns: Sequence[str]) -> pd.DataFrame:
    """Return how evenly each unit's total is distributed over its parts, and how related they are.

    With shares s_k of the columns: ``shannon = -sum s ln s``, ``simpson = 1 - sum s^2``, and
    ``relatedness = sum_{k != l} s_k s_l phi_kl / (1 - sum s^2)``, phi the cosine of the columns'
    shares over units in the period: near one where a unit has activities that go together.

    Parameters
    ----------
    panel : SpatialPanel
    columns : list of str
        Parts of one total, such as employment by industry; non-negative.

    Returns
    -------
    DataFrame
        By (unit, period): ``shannon, simpson, relatedness``; relatedness is missing where all is in
        one part. A plain frame, whose columns can be assigned to the panel.

    Raises
    ------
    OptionError
        If there are fewer than two columns.
    DomainError
        If a part is negative, or all parts of a unit are zero.

    Notes
    -----
    Sources: Shannon (1948); Simpson, E. (1949), Nature 163, 688; relatedness after Hidalgo, C. et
    al. (2007), Science 317, 482-487, with cosines for proximities.

    Examples
    --------
    >>> import pandas as pd
    >>> import nqp_spatial as nq
    >>> frame = pd.DataFrame({"id": [1, 2], "a": [1, 4], "b": [1, 0]})
    >>> table = nq.structure.diversity(nq.SpatialPanel(frame, unit="id"), ["a", "b"])
    >>> table["simpson"].tolist()
    [0.5, 0.0]
    """
    names = list(columns)
    if len(names) < 2:
        raise OptionError(f"diversity needs two or more parts, got {names}")
    x = np.stack([panel.values(name) for name in names], axis=2)
    if negative := [name for k, name in enumerate(names) if (x[:, :, k] < 0).any()]:
        raise DomainError(f"parts cannot be negative; these are: {sample(negative)}")
    total = x.sum(axis=2, keepdims=True)
    if (total == 0).any():
        empty = panel.units[(total[:, :, 0] == 0).any(axis=1)]
        raise DomainError(f"units whose parts are all zero have no shares: {sample(empty)}")
    s = x / total
    simpson = 1 - (s**2).sum(axis=2)
    length = np.sqrt((s**2).sum(axis=0))
    unit = np.divide(s, length, out=np.zeros_like(s), where=length > 0)
    phi = np.einsum("itk,itl->tkl", unit, unit)
    crossed = np.einsum("itk,tkl,itl->it", s, phi, s) - np.einsum("itk,tkk->it", s**2, phi)
    related = np.divide(crossed, simpson, out=np.full_like(simpson, np.nan), where=simpson > 1e-12)
    return pd.DataFrame(
        {
            "shannon": -(s * np.log(np.where(s > 0, s, 1.0))).sum(axis=2).ravel() + 0.0,
            "simpson": simpson.ravel(),
            "relatedness": related.ravel(),
        },
        index=panel.frame.index,
    )
