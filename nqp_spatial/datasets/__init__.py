"""Data sets that install with the package or with a dependency."""

from nqp_spatial.datasets.us_states import us_income, us_public_capital

__all__ = ["us_income", "us_public_capital"]
