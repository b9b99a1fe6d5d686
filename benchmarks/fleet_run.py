"""A fleet in one process, measured: `SITES IMAGES OUT` on the command line, the provider and Prefect by environment.

The CPU of the content itself (replies parsed and checked, pictures encoded, pages written, the cost report) is told
apart from that of orchestration by what the thread that does it uses.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from flows import answering
from flows import delivery as flow
from flows.build_fleet import build_fleet
from pressrun.brief import SiteBrief
from pressrun.steps import STEPS
from tasks import delivery

seconds = {"content": 0.0}
"""CPU time so far."""


def counted(work: Callable[..., Any]) -> Callable[..., Any]:
    """The same, with its CPU time counted as content."""

    def count(*args: Any, **options: Any) -> Any:
        before = time.thread_time()
        try:
            return work(*args, **options)
        finally:
            seconds["content"] += time.thread_time() - before

    return count


def count_content() -> None:
    for step in STEPS.values():
        object.__setattr__(step, "parse", counted(step.parse))
    delivery.write_bundle = counted(delivery.write_bundle)
    for name in ("cost_report", "to_html", "to_markdown", "to_json", "to_csv", "manifest", "build_result"):
        setattr(flow, name, counted(getattr(flow, name)))
    answering.opened = counted(answering.opened)


def a_site(number: int, images: int) -> SiteBrief:
    """Sites that differ, so that nothing is asked once for two of them."""
    return SiteBrief(
        name=f"Bakery {number}",
        slug=f"bakery-{number:05d}",
        domain=f"bakery-{number:05d}.example",
        trade="Sourdough bakery",
        audience=f"People who live in quarter {number}",
        services=["Sourdough loaves", "Celebration cakes"],
        image_count=images,
    )


def main() -> None:
    sites, images, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    count_content()
    imports = time.process_time()
    state: Any = build_fleet(
        sites=[a_site(number, images) for number in range(sites)], out=out, poll_seconds=1.0, return_state=True
    )
    cpu = time.process_time() - imports
    took = {
        "state": state.name,
        "message": state.message,
        "imports": imports,
        "cpu": cpu,
        **seconds,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    sys.stdout.write(json.dumps(took) + "\n")


if __name__ == "__main__":
    main()
