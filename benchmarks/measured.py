"""How one piece of work is measured: in a process of its own, by the CPU time and memory that the system counts."""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["report_on", "started"]


def started() -> float:
    """CPU seconds of this process so far, which are its start and its imports."""
    return time.process_time()


def report_on(work: Callable[[str, Path, int], dict[str, Any]], imports: float) -> None:
    """Do the work that the command line names (address, folder, requests) and print what it took as JSON."""
    url, folder, requests = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    began = time.perf_counter()
    before = time.process_time()
    result = work(url, folder, requests)
    cpu = time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took = {"imports": imports, "cpu": cpu, "wall": time.perf_counter() - began, "peak": peak}
    sys.stdout.write(json.dumps(result | took) + "\n")
