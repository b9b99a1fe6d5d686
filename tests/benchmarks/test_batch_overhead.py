"""The benchmark itself: that it runs whole and says what it is asked for; how fast is for a quiet machine."""

import subprocess
import sys
from pathlib import Path

from tests.patience import HANG

ROOT = Path(__file__).parent.parent.parent


def test_the_benchmark_does_the_same_work_both_ways_and_prints_both_ratios() -> None:
    few = ["--requests", "40", "--repeats", "1", "--small", "20", "--large", "60"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.batch_overhead", *few],
        cwd=ROOT, capture_output=True, text=True, timeout=HANG, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    assert not done.stderr
    assert "CPU time ratio: " in done.stdout
    assert "Peak memory ratio: " in done.stdout
