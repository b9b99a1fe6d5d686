"""`pressrun up`, `pressrun down` and `pressrun setup`: everything that runs need, with one command.

Invariant: each may be run again at any time; what exists stays unchanged and is reported as such.
"""

import os
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer
from filelock import FileLock
from rich.console import Console

from pressrun.bundle.remote import check_folder
from pressrun.cli.load_prefect import load_prefect
from pressrun.connection import check_variables
from pressrun.login import CLIENT, SERVER
from pressrun.private import private_file, private_folder, state_folder
from pressrun.project import importable, is_project, project_folder, write_project
from pressrun.settings import Settings
from pressrun.up import Done, House, end_all, house, start_server, start_sites, start_worker
from pressrun.up import state_folder as up_folder

__all__ = ["down", "setup", "up"]

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the Prefect server and UI (default 4200).")]
SitesPort = Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the finished sites (default 4280).")]
EXAMPLE = "examples/harbour-bakery.yaml"


def up(port: Port = None, sites_port: SitesPort = None) -> None:
    """Start a local Prefect server, set it up, start a worker, and serve the finished sites."""
    settings = Settings()
    check_variables(simulate=False)
    with _lock(settings):
        _write_project()
        here = house(settings, port, sites_port)
        # Prefect reads them on import, so they must be set before tasks.setup is imported.
        os.environ.update(here.client)
        changes = _tell([start_server(here)])
        load_prefect()
        importable()
        from tasks.setup import set_up

        changes += _tell(set_up(settings, here.root))
        changes += _tell([start_sites(here)])
        changes += _tell([start_worker(here)])
    _say("" if changes else "\nNothing was changed: everything is already running.")
    _next_steps(here, settings)


def down() -> None:
    """Stop what `pressrun up` started. Data and logs are kept."""
    settings = Settings()
    with _lock(settings):
        _tell(end_all(settings))
    _say(f"\nData and logs are kept (logs: {up_folder(settings)}).")
    _say("A submitted batch keeps running at the provider; the next run of its brief collects it.")


def setup() -> None:
    """Set up the Prefect server that PREFECT_API_URL names: work pool, limits, deployments, notifications."""
    settings = Settings()
    check_variables(simulate=False)
    _write_project()
    load_prefect()
    importable()
    from tasks.setup import set_up

    if not _tell(set_up(settings, project_folder())):
        _say("\nNothing was changed.")


def _lock(settings: Settings) -> AbstractContextManager[object]:
    """One `up` or `down` at a time. Raises `Refused` when the state cannot be written."""
    check_folder(settings.state_dir, "PRESSRUN_STATE_DIR")
    state_folder(settings.state_dir.resolve())
    return FileLock(private_file(private_folder(up_folder(settings)) / "lock"))


def _write_project() -> None:
    """An installed Pressrun makes the working directory a project folder; in a checkout there is nothing to write."""
    if is_project(Path.cwd()) and (Path.cwd() / "pressrun").is_dir():
        return
    found = list(write_project(Path.cwd()))
    if created := [path for verb, path in found if verb == "created"]:
        _say(f"{'created':<15} project files in {Path.cwd()} ({len(created)})")
    for path in [path for verb, path in found if verb == "kept"]:
        _say(f"{'kept':<15} {path.relative_to(Path.cwd())}, which differs from the one of this version")


def _tell(done: Iterable[Done]) -> int:
    """Print each action as it is done; returns the number of changes."""
    changes = 0
    for one in done:
        _say(f"{one.verb:<15} {one.what}")
        changes += one.is_change
    return changes


def _next_steps(here: House, settings: Settings) -> None:
    _say(_login_of(here))
    _say("The finished sites ask for it too: the user is what is before the colon, the password what is after it.")
    _say(f"Open {here.ui} and choose Deployments, build-site, Run. Or from a terminal:")
    # Not exported: after `pressrun down` a variable would still lead every command to this server.
    login = f'{CLIENT}="$(cat {quote(str(_short(here.login.file)))})" ' if here.login.file else ""
    _say(f"  PREFECT_API_URL={here.api} {login}\\")
    brief = f'--params "$({_here("pressrun")} params {EXAMPLE})"'
    _say(f"    {_here('prefect')} deployment run build-site/on-demand --watch --param simulate=true {brief}")
    if not settings.openai_api_key:
        _say("OPENAI_API_KEY is not set: runs need `simulate`, or a Prefect Secret block named openai-api-key.")
    _say("The worker keeps the settings it was started with. After a change, run `pressrun down` and `pressrun up`.")


def _login_of(here: House) -> str:
    """How to log in. The login itself is shown once, and to a person only, since output may be kept in a log."""
    if not here.login.file:
        return f"The UI asks for the login that is set in {SERVER} or {CLIENT}."
    where = f"It is kept in {_short(here.login.file)}"
    if here.login.is_new and sys.stdout.isatty():
        return f"The UI asks for a login: {here.login.text}\n{where}, and not shown again."
    return f"The UI asks for a login. {where}."


def _here(name: str) -> Path:
    """A command of this environment, which may not be on the PATH."""
    return _short(Path(sys.executable).with_name(name))


def _short(path: Path) -> Path:
    """A path as it is to be typed here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _say(text: str) -> None:
    Console().print(text, highlight=False, markup=False, soft_wrap=True)
