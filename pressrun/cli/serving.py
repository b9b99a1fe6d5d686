"""`pressrun simulate` and `pressrun webhooks`: servers that run until Ctrl-C."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pressrun.bundle.remote import check_folder
from pressrun.cli.load_prefect import load_prefect
from pressrun.files import load_model
from pressrun.project import importable
from pressrun.settings import Settings

__all__ = ["simulate", "webhooks"]


def simulate(
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8080,
    host: Annotated[str, typer.Option(help="127.0.0.1: only this machine can connect.")] = "127.0.0.1",
    batch_seconds: Annotated[float, typer.Option(help="How long a batch takes.", min=0)] = 5.0,
    state: Annotated[
        Path | None, typer.Option(help="Folder for files and batches, kept across restarts.", metavar="DIR")
    ] = None,
    faults: Annotated[
        Path | None, typer.Option(help="Fault script (YAML or JSON): faults to inject.", metavar="FILE")
    ] = None,
) -> None:
    """Run an OpenAI-compatible simulator for any OpenAI client: Files, Batches, Chat, Images, Models."""
    from pressrun.simulator import FaultScript, serve

    script = load_model(faults, FaultScript) if faults else None
    folder = state or Settings().state_dir / "simulator"
    check_folder(folder, "The folder of the simulator (--state, PRESSRUN_STATE_DIR)")
    Console().print(
        f"SIMULATED OpenAI at http://{host}:{port}/v1 (any key that begins with sk-). Use it with\n"
        f"  OPENAI_BASE_URL=http://{host}:{port}/v1 OPENAI_API_KEY=sk-simulated pressrun build BRIEF\n"
        "Press Ctrl-C to stop it.",
        highlight=False,
        soft_wrap=True,
    )
    serve(folder, host, port, batch_seconds, 0.0, faults=script)


def webhooks(
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8090,
    host: Annotated[str, typer.Option(help="127.0.0.1 accepts only connections from your HTTPS proxy.")] = "127.0.0.1",
) -> None:
    """Receive OpenAI's webhooks, so that waiting runs check their batch as soon as it ends."""
    settings = Settings()
    check_folder(settings.state_dir, "PRESSRUN_STATE_DIR")
    load_prefect()
    from prefect.settings import PREFECT_API_URL

    from pressrun.webhooks import receive

    importable()
    from tasks.collector import collect_soon

    receive(settings, host, port, Console(), collect_soon if PREFECT_API_URL.value() else None)
