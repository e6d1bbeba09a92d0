"""Timing in fresh processes, so that memory is a case's own and nothing is left over from another.

A case is a function of this package named by ``module:function`` with arguments that pickle. It
returns a callable; the callable is what is timed, after one warm-up call.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import time
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Measurement:
    """Median seconds of one call, and the memory that the calls added to the prepared data.

    `processor` is the time that the processors spent on it, which other work on the machine hardly
    changes.
    """

    seconds: float
    added_mib: float
    peak_mib: float
    facts: dict
    processor: float = 0.0


def peak_mib() -> float:
    """Return the largest resident set of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _work(case: str, arguments: tuple, repeats: int, warm: bool, pipe) -> None:
    module, function = case.split(":")
    call = getattr(import_module(module), function)(*arguments)
    before = peak_mib()
    facts = {}
    if warm:
        facts = call() or {}
    seconds, processor = [], []
    for _ in range(repeats):
        start, start_processor = time.perf_counter(), time.process_time()
        facts = call() or {}
        processor.append(time.process_time() - start_processor)
        seconds.append(time.perf_counter() - start)
    pipe.send(
        Measurement(
            statistics.median(seconds),
            peak_mib() - before,
            peak_mib(),
            facts,
            statistics.median(processor),
        )
    )


def measure(case: str, *arguments, repeats: int = 5, warm: bool = True) -> Measurement:
    """Run a case in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_work, args=(case, arguments, repeats, warm, theirs))
    child.start()
    theirs.close()
    try:
        return ours.recv()
    finally:
        child.join()


def row(case: str, ours: Measurement, peer_name: str, peer: Measurement) -> dict:
    """Return one line of the table."""
    return {
        "case": case,
        "peer": peer_name,
        "ours, s": round(ours.seconds, 4),
        "peer, s": round(peer.seconds, 4),
        "peer/ours": round(peer.seconds / ours.seconds, 2),
        "ours, MiB": round(ours.added_mib),
        "peer, MiB": round(peer.added_mib),
        "ours peak, MiB": round(ours.peak_mib),
    }
