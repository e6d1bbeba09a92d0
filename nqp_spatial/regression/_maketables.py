"""Coefficient tables by the library maketables: the interface of a fitted model."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nqp_spatial.regression._estimated import EstimatedModel
from nqp_spatial.regression._fit_measures import full_rsquared, squared_correlation_of

__all__ = ["MaketablesPlugin", "flat_name"]


class MaketablesPlugin(EstimatedModel):
    """The attributes of a model that the library maketables reads, under the names that it uses."""

    @property
    def __maketables_coef_table__(self) -> pd.DataFrame:
        index = pd.Index([flat_name(key) for key in self.params.index], name="Coefficient")
        columns = {
            "estimate": "b",
            "std_error": "se",
            "statistic": "t",
            "p_value": "p",
            "conf_low": "ci95l",
            "conf_high": "ci95u",
        }
        return self.frame.rename(columns=columns)[list(columns.values())].set_axis(index)

    @property
    def __maketables_depvar__(self) -> str:
        return self.spec.outcome

    @property
    def __maketables_fixef_string__(self) -> str | None:
        names = ["unit"] * self.spec.sweeps_units + ["period"] * self.spec.sweeps_periods
        return "+".join(names) or None

    @property
    def __maketables_var_labels__(self) -> dict[str, str]:
        labels = {key[1]: self.label(key[1]) for key in self.params.index}
        lagged = {
            flat_name(key): flat_name((key[0], labels[key[1]], *key[2:]))
            for key in self.params.index
            if key[0] == "wx" or len(key) > 2
        }
        outcome = self.label(self.spec.outcome)
        past = {("dynamic", "tau"): f"{outcome} (t-1)", ("dynamic", "eta"): f"W × {outcome} (t-1)"}
        lagged |= {flat_name(key): words for key, words in past.items() if key in self.params.index}
        return {**labels, **lagged, self.spec.outcome: outcome}

    @property
    def __maketables_vcov_info__(self) -> dict[str, Any]:
        return {"vcov_type": self.spec.covariance, "clustervar": None}

    @property
    def __maketables_stat_labels__(self) -> dict[str, str]:
        return {
            "sigma2": "σ²",
            "ll": "Log-likelihood",
            "r2": "R²",
            "r2_within": "R² within",
            "corr2": "corr²",
        }

    @property
    def __maketables_default_stat_keys__(self) -> list[str]:
        return ["N", "ll", "sigma2", "r2_within"]

    def __maketables_stat__(self, key: str) -> Any:
        if key == "corr2":
            return squared_correlation_of(self)
        statistics = {
            "N": self.nobs,
            "ll": self.loglik,
            "aic": self.aic,
            "bic": self.bic,
            "sigma2": self.sigma2,
            "r2": full_rsquared(self),
            "r2_within": self.rsquared_within,
            "se_type": self.spec.covariance,
        }
        return statistics.get(key)


def flat_name(key: tuple[str, ...]) -> str:
    """Return one text for a parameter that is named by block and variable (and part).

    Examples
    --------
    >>> flat_name(("wx", "gdp")), flat_name(("dynamic", "tau"))
    ('W × gdp', 'y(t-1)')
    """
    block, name = key[:2]
    if len(key) > 2:
        return f"{flat_name(key[:2])}, {key[2]}"
    if block == "wx":
        return f"W × {name}"
    if block in ("mean", "wmean"):
        return f"mean of {'W × ' if block == 'wmean' else ''}{name}"
    return {"tau": "y(t-1)", "eta": "W × y(t-1)"}[name] if block == "dynamic" else name
