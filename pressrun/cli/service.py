"""`pressrun up`, `pressrun down` and `pressrun setup`: everything that runs need, by one command.

Invariant: each may be said again at any time; what is there already stays as it is, and is told.
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

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Of the Prefect server and its UI (4200).")]
SitesPort = Annotated[int | None, typer.Option(min=1, max=65535, help="Of the finished sites (4280).")]
EXAMPLE = "examples/harbour-bakery.yaml"


def up(port: Port = None, sites_port: SitesPort = None) -> None:
    """Start a local Prefect server, set it up, and start a worker and the finished sites beside it."""
    settings = Settings()
    here = house(settings, port, sites_port)
    # Prefect reads it when it is imported, which is when it is needed.
    os.environ["PREFECT_API_URL"] = here.api
    here.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(here.folder / "lock"):
        changes = _tell([start_server(here)])
        from tasks.setup import set_up

        changes += _tell(set_up(settings, here.root))
        changes += _tell([start_sites(here)])
        changes += _tell([start_worker(here)])
    _say("" if changes else "\nNothing was changed: all of it runs already.")
    _next_steps(here, settings)


def down() -> None:
    """End what `pressrun up` started; data and logs stay."""
    settings = Settings()
    folder = state_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        _tell(end_all(settings))
    _say(f"\nData and logs stay (logs: {folder}). A batch that was under way goes on at the provider, and is taken up.")


def setup() -> None:
    """Set up the Prefect server that PREFECT_API_URL names: work pool, limits, deployments, notifications."""
    from tasks.setup import set_up

    if not _tell(set_up(Settings(), project_root())):
        _say("\nNothing was changed.")


def _tell(done: Iterable[Done]) -> int:
    """Print what was done as it is done; returns the number of changes."""
    changes = 0
    for one in done:
        _say(f"{one.verb:<14} {one.what}")
        changes += one.is_change
    return changes


def _next_steps(here: House, settings: Settings) -> None:
    _say(f"The UI is at {here.ui}: Deployments, build-site, Run. From a terminal:")
    _say(f"  export PREFECT_API_URL={here.api}")
    brief = f'--params "$({_here("pressrun")} params {EXAMPLE})"'
    _say(f"  {_here('prefect')} deployment run build-site/on-demand --watch --param simulate=true {brief}")
    if not settings.openai_api_key:
        _say("There is no OPENAI_API_KEY, so runs need `simulate`, or a Prefect Secret block named openai-api-key.")
    _say("The worker keeps the settings it was started with: after a change, `pressrun down` and `pressrun up`.")


def _here(name: str) -> Path:
    """A command of this environment, which need not be on the path."""
    command = Path(sys.executable).with_name(name)
    return command.relative_to(Path.cwd()) if command.is_relative_to(Path.cwd()) else command


def _say(text: str) -> None:
    Console().print(text, highlight=False, markup=False, soft_wrap=True)
