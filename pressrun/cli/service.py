"""`pressrun up`, `pressrun down` and `pressrun setup`: everything that runs need, with one command.

Invariant: each may be run again at any time; what exists stays unchanged and is reported as such.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from filelock import FileLock
from rich.console import Console

from pressrun.settings import Settings
from pressrun.up import Done, House, end_all, house, project_root, start_server, start_sites, start_worker, state_folder

__all__ = ["down", "setup", "up"]

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the Prefect server and UI (default 4200).")]
SitesPort = Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the finished sites (default 4280).")]
EXAMPLE = "examples/harbour-bakery.yaml"


def up(port: Port = None, sites_port: SitesPort = None) -> None:
    """Start a local Prefect server, set it up, start a worker, and serve the finished sites."""
    settings = Settings()
    here = house(settings, port, sites_port)
    # Prefect reads it on import, so it must be set before tasks.setup is imported.
    os.environ["PREFECT_API_URL"] = here.api
    here.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(here.folder / "lock"):
        changes = _tell([start_server(here)])
        from tasks.setup import set_up

        changes += _tell(set_up(settings, here.root))
        changes += _tell([start_sites(here)])
        changes += _tell([start_worker(here)])
    _say("" if changes else "\nNothing was changed: everything is already running.")
    _next_steps(here, settings)


def down() -> None:
    """Stop what `pressrun up` started. Data and logs are kept."""
    settings = Settings()
    folder = state_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        _tell(end_all(settings))
    _say(f"\nData and logs are kept (logs: {folder}).")
    _say("A submitted batch keeps running at the provider; the next run of its brief collects it.")


def setup() -> None:
    """Set up the Prefect server that PREFECT_API_URL names: work pool, limits, deployments, notifications."""
    from tasks.setup import set_up

    if not _tell(set_up(Settings(), project_root())):
        _say("\nNothing was changed.")


def _tell(done: Iterable[Done]) -> int:
    """Print each action as it is done; returns the number of changes."""
    changes = 0
    for one in done:
        _say(f"{one.verb:<15} {one.what}")
        changes += one.is_change
    return changes


def _next_steps(here: House, settings: Settings) -> None:
    _say(f"Open {here.ui} and choose Deployments, build-site, Run. Or from a terminal:")
    _say(f"  export PREFECT_API_URL={here.api}")
    brief = f'--params "$({_here("pressrun")} params {EXAMPLE})"'
    _say(f"  {_here('prefect')} deployment run build-site/on-demand --watch --param simulate=true {brief}")
    if not settings.openai_api_key:
        _say("OPENAI_API_KEY is not set: runs need `simulate`, or a Prefect Secret block named openai-api-key.")
    _say("The worker keeps the settings it was started with. After a change, run `pressrun down` and `pressrun up`.")


def _here(name: str) -> Path:
    """A command of this environment, which may not be on the PATH."""
    command = Path(sys.executable).with_name(name)
    return command.relative_to(Path.cwd()) if command.is_relative_to(Path.cwd()) else command


def _say(text: str) -> None:
    Console().print(text, highlight=False, markup=False, soft_wrap=True)
