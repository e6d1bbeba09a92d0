"""Timing in fresh processes, so that memory is a case's own and nothing is left over from another.

A case is a function of this package named by ``module:function`` with arguments that pickle. It
returns a callable; the callable is what is timed, after one warm-up call. A call that takes long is
not repeated.
"""

from __future__ import annotations

import math
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


LONG = 20.0  # seconds of processor time after which calls are not repeated


def processor_seconds() -> float:
    """Return the processor time of this process and of those it waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def peak_mib() -> float:
    """Return the largest resident set of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _work(case: str, arguments: tuple, repeats: int, warm: bool, pipe) -> None:
    module, function = case.split(":")
    call = getattr(import_module(module), function)(*arguments)
    before = peak_mib()
    facts = {}
    seconds: list[float] = []
    processor: list[float] = []
    for _ in range(repeats + warm):
        start, start_processor = time.perf_counter(), processor_seconds()
        facts = call() or {}
        processor.append(processor_seconds() - start_processor)
        seconds.append(time.perf_counter() - start)
        if sum(processor) > LONG:
            break
    first = 1 if warm and len(seconds) > 1 else 0
    seconds, processor = seconds[first:], processor[first:]
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


def row(case: str, ours: Measurement, peer_name: str = "", peer: Measurement | None = None) -> dict:
    """Return one line of the table; the ratio is that of processor time."""
    line = {"case": case, "peer": peer_name, "ours, s": ours.seconds}
    line |= {"peer, s": peer.seconds if peer else math.nan}
    line |= {"ours, processor s": ours.processor}
    line |= {"peer, processor s": peer.processor if peer else math.nan}
    line |= {"peer / ours": peer.processor / ours.processor if peer else math.nan}
    line |= {"ours, MiB": f"{ours.added_mib:.0f}"}
    line |= {"peer, MiB": f"{peer.added_mib:.0f}" if peer else ""}
    return line | {"peak, MiB": f"{ours.peak_mib:.0f}"}
