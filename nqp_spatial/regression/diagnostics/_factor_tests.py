"""A test of cross-sectional dependence that holds after factors were estimated."""

from __future__ import annotations

import numpy as np

from nqp_spatial.core.inference import HypothesisTest, NotApplicable, two_sided_p
from nqp_spatial.core.text import t

__all__ = ["weighted_cd"]

_SIGNS = 100


def weighted_cd(residuals: np.ndarray, seed: int = 0) -> HypothesisTest | NotApplicable:
    """Test residuals of a model with estimated effects or factors for cross-sectional dependence.

    ``CD_w = sqrt(2 T / (n (n - 1))) sum_(i<j) w_i w_j r_ij`` with random signs w; the statistic is
    the sum over many draws of signs, over the square root of their number, plus the sum of all
    ``|r_ij|`` above ``2 sqrt(ln n / T)``, which gives power against strong dependence and is zero
    without it in large samples.

    Parameters
    ----------
    residuals : ndarray
        Shape (n, T), T at least 3.
    seed : int
        Of the signs. They are drawn for units sorted by the size of their residuals, so that the
        test depends neither on the order of units nor on their names.

    Returns
    -------
    HypothesisTest or NotApplicable

    Notes
    -----
    Source: Juodis and Reese (2022), Journal of Business and Economic Statistics 40, 1191-1203: with
    estimated period effects or factors the statistic of Pesaran has no standard normal distribution
    under the null; with random signs it has. With fewer than ``4 ln n`` periods no correlation
    exceeds the bound, and the test has little power.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> e = rng.normal(size=(60, 30))
    >>> weighted_cd(e - e.mean(axis=0)).p_value > 0.01
    True
    >>> weighted_cd(e + 2 * rng.normal(size=30)).p_value < 1e-6
    True
    """
    n, periods = residuals.shape
    name, null = t("Juodis-Reese CD"), t("weak cross-sectional dependence")
    if n < 2 or periods < 3:
        reason = t(
            "needs 2 units and 3 periods, has {units} and {periods}", units=n, periods=periods
        )
        return NotApplicable(name, null, reason)
    z = residuals - residuals.mean(axis=1, keepdims=True)
    lengths = np.sqrt((z**2).sum(axis=1, keepdims=True))
    z = np.divide(z, lengths, out=np.zeros_like(z), where=lengths > 0)
    # Signs are independent of the residuals in whatever order these come; this one has no names.
    z = z[np.lexsort(np.abs(z).T[::-1])]
    signs = np.random.default_rng(seed).choice(np.array([-1.0, 1.0]), size=(_SIGNS, n))
    pairs = (((signs @ z) ** 2).sum(axis=1) - n) / 2
    statistic = float(np.sqrt(2 * periods / (n * (n - 1))) * pairs.sum() / np.sqrt(_SIGNS))
    bound = 2 * np.sqrt(np.log(n) / periods)
    large = 0.0
    for start in range(0, n, 1000):  # a block of rows at a time: never n x n
        size = np.abs(z[start : start + 1000] @ z.T)
        size[np.arange(len(size)), start + np.arange(len(size))] = 0.0
        large += float(size[size > bound].sum()) / 2
    statistic += large
    p_value = float(two_sided_p(statistic))
    rule = t("two-sided; {count} draws of signs", count=_SIGNS)
    return HypothesisTest(name, null, statistic, "normal", None, p_value, rule)
