"""Prefect alone, for comparison: `SITES TASKS` on the command line, the server by environment.

As many subflows as sites, each with so many persisted tasks that do nothing, half of them in threads, as a site's
images are; prints the CPU seconds of a subflow.
"""

import sys
import time
from typing import Any

from prefect import flow, task


@task(persist_result=True, result_serializer="json", cache_key_fn=lambda _context, given: f"bare {given['number']}")
def nothing(number: float) -> dict[str, Any]:
    return {"number": number}


@flow(result_serializer="json")
def a_site(tasks: int) -> None:
    began = time.time()
    in_threads = [nothing.submit(began + number) for number in range(tasks // 2)]
    for future in in_threads:
        future.result()
    for number in range(tasks // 2, tasks):
        nothing(began + number)


@flow
def a_fleet(sites: int, tasks: int) -> None:
    for _ in range(sites):
        a_site(tasks)


def main() -> None:
    sites, tasks = int(sys.argv[1]), int(sys.argv[2])
    a_fleet(1, tasks)
    began = time.process_time()
    a_fleet(sites, tasks)
    sys.stdout.write(f"{(time.process_time() - began) / sites}\n")


if __name__ == "__main__":
    main()
