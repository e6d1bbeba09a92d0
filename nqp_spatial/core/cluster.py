"""Parallel work on several machines: joblib on a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nqp_spatial.errors import MissingDependencyError, OptionError

__all__ = ["on_cluster"]


@contextmanager
def on_cluster(address: str | None) -> Iterator[Any]:
    """Let the workers of joblib be those of a Dask cluster; of this machine without an address.

    Calls with ``n_jobs=-1`` within it use the cluster. Their numbers are the same.

    Parameters
    ----------
    address : str or None
        Of the scheduler, such as ``"tcp://10.0.0.5:8786"``.

    Yields
    ------
    distributed.Client or None

    Raises
    ------
    MissingDependencyError
        If the extra ``cluster`` is not installed.
    OptionError
        If no scheduler answers at the address.
    """
    if address is None:
        yield None
        return
    from joblib import parallel_config

    try:
        from distributed import Client
    except ImportError:
        raise MissingDependencyError(
            'a Dask cluster needs the extra: pip install "nqp-spatial[cluster]"'
        ) from None
    try:
        client: Any = Client(address, timeout="10s")  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise OptionError(
            f"no Dask scheduler answers at {address!r}: {error}; start one with 'dask scheduler' "
            "and name the address that it prints, such as tcp://10.0.0.5:8786"
        ) from error
    with client, parallel_config(backend="dask"):
        yield client
