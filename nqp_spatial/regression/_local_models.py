"""Geographically weighted regressions by the library mgwr, and what they weight."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nqp_spatial.errors import CollinearityError, MissingDependencyError

__all__ = ["LocalData", "condition_numbers", "fitted_model", "library", "searched"]


@dataclass(frozen=True, eq=False)
class LocalData:
    """What mgwr needs of a cross-section.

    Attributes
    ----------
    coordinates : ndarray
        Degrees of longitude and latitude, or kilometres in a plane, shape (n, 2).
    y : ndarray
        Shape (n, 1).
    x : ndarray
        Regressors without the intercept, shape (n, k).
    has_intercept : bool
    options : dict
        Common to all calls: ``kernel``, ``fixed``, ``spherical``, ``n_jobs``.
    quiet : bool
        Whether progress of the library is hidden.
    """

    coordinates: np.ndarray
    y: np.ndarray
    x: np.ndarray
    has_intercept: bool
    options: dict[str, Any] = field(default_factory=dict)
    quiet: bool = True

    @property
    def columns(self) -> int:
        """Number of coefficients, the intercept among them."""
        return int(self.x.shape[1]) + self.has_intercept


def library() -> Any:
    """Return the modules of mgwr that estimate and search.

    Raises
    ------
    MissingDependencyError
        If it is not installed.
    """
    try:
        from mgwr import gwr, sel_bw
    except ImportError as error:
        raise MissingDependencyError(
            "gwr estimates by the package mgwr, which is not installed; "
            'pip install "nqp-spatial[gwr]"'
        ) from error
    return gwr, sel_bw


@contextlib.contextmanager
def _library_call(data: LocalData) -> Iterator[None]:
    """Hide bars and warnings of the library; say what a singular local regression is."""
    hidden = contextlib.redirect_stderr(io.StringIO())
    with hidden if data.quiet else contextlib.nullcontext(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except np.linalg.LinAlgError as error:
            raise CollinearityError(
                "around some unit the regressors are linearly dependent; take a larger bandwidth=, "
                "kernel='gaussian', which gives every unit a weight, or fewer regressors"
            ) from error


def searched(data: LocalData, criterion: str, least: float | None, *, multiscale: bool) -> Any:
    """Return mgwr's selector after its search for bandwidths.

    Parameters
    ----------
    data : LocalData
    criterion : {"AICc", "AIC", "BIC", "CV"}
    least : float or None
        Smallest bandwidth; that of mgwr if None.
    multiscale : bool
        Whether each regressor has its own bandwidth.
    """
    _, selection = library()
    selector = selection.Sel_BW(
        data.coordinates, data.y, data.x, constant=data.has_intercept, multi=multiscale,
        **data.options,
    )  # fmt: skip
    bounds: dict[str, Any] = {"bw_min": least}
    if multiscale:
        bounds["multi_bw_min"] = [least]
    with _library_call(data):
        selector.search(criterion=criterion, **bounds)
    return selector


def fitted_model(data: LocalData, bandwidth: float, selector: Any = None) -> Any:
    """Return mgwr's results at a bandwidth, or at those of a multiscale selector."""
    module, _ = library()
    arrays = data.coordinates, data.y, data.x
    with _library_call(data):
        if selector is not None:
            model = module.MGWR(
                *arrays, selector=selector, constant=data.has_intercept, **data.options
            )
        else:
            model = module.GWR(*arrays, bandwidth, constant=data.has_intercept, **data.options)
        return model.fit()


def condition_numbers(design: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    """Return the condition number of the weighted design around each unit.

    Columns, the intercept among them, are weighted by the root of the kernel and scaled to length
    one (Belsley, Kuh and Welsch 1980).

    Parameters
    ----------
    design : ndarray
        Shape (n, k).
    weights : list of ndarray
        Kernel weights by column of the design, each (n, n); row i is of the regression around i.
    """
    n, k = design.shape
    gram = np.empty((n, k, k))
    for row in range(k):
        for column in range(row, k):
            product = design[:, row] * design[:, column]
            own = weights[row] if weights[row] is weights[column] else None
            kernel = np.sqrt(weights[row] * weights[column]) if own is None else own
            gram[:, row, column] = gram[:, column, row] = kernel @ product
    lengths = np.sqrt(np.einsum("ikk->ik", gram))
    lengths[lengths == 0] = 1.0
    values = np.linalg.eigvalsh(gram / (lengths[:, :, None] * lengths[:, None, :]))
    smallest = np.maximum(values[:, 0], np.finfo(float).eps * values[:, -1])
    return np.asarray(np.sqrt(values[:, -1] / smallest))
