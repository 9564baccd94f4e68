"""Take figures of several contenders in turn, so that a machine that slows down slows them all."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping


def cpu_seconds_per_call(
    contenders: Mapping[str, Callable[[], object]], *, calls: int, rounds: int = 7
) -> dict[str, float]:
    """Return the median CPU seconds of one call of each contender, over alternating rounds."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for call in contenders.values():
        call()
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, call in contenders.items():
                began = time.process_time()
                for _ in range(calls):
                    call()
                taken[name].append((time.process_time() - began) / calls)
    finally:
        gc.enable()
    return {name: statistics.median(times) for name, times in taken.items()}
