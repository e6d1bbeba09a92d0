"""Sizes that are checked before work: what would not fit into memory is refused by name."""

from __future__ import annotations

import os
from pathlib import Path

from nqp_spatial.errors import OptionError

__all__ = ["memory_budget", "require_memory"]

# Where the machine does not say how much memory it has.
_UNKNOWN_MACHINE = 8 * 2**30
# What one table may take of the memory of the machine; the rest is for everything else.
_SHARE = 0.75


def require_memory(bytes_needed: float, what: str, advice: str) -> None:
    """Raise `OptionError` if a table would not fit into memory, before it is made.

    Parameters
    ----------
    bytes_needed : float
        An estimate of the peak, from the sizes alone.
    what : str
        What would be made, with its sizes: "inverse-distance weights of 100000 units without a
        cutoff (1e+10 links)".
    advice : str
        What makes it smaller: "pass cutoff_km= or use weights.knn".

    Raises
    ------
    OptionError
        If more is needed than `memory_budget`.

    Examples
    --------
    >>> require_memory(8e18, "a matrix of 1000000000 units", "use a sparse one")
    Traceback (most recent call last):
    ...
    nqp_spatial.errors.OptionError: a matrix of 1000000000 units needs about 7450580596.9 GiB ...
    """
    budget = memory_budget()
    if bytes_needed > budget:
        raise OptionError(
            f"{what} needs about {bytes_needed / 2**30:.1f} GiB of memory, more than the "
            f"{budget / 2**30:.1f} GiB that may be used here; {advice}"
        )


def memory_budget() -> float:
    """Return how many bytes one table may take: three quarters of what this process can have.

    That is the memory of the machine, or the limit of its container or of the process if less;
    8 GiB where none of them is known.

    Examples
    --------
    >>> memory_budget() > 0
    True
    """
    limits = [size for size in (_machine(), _container(), _process()) if size]
    return _SHARE * min(limits, default=_UNKNOWN_MACHINE)


def _machine() -> float | None:
    try:
        return float(os.sysconf("SC_PAGE_SIZE")) * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def _container() -> float | None:
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            return float(Path("/sys/fs/cgroup", name).read_text())
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return None


def _process() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else float(limit)
