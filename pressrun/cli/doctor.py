"""`pressrun doctor`: what is set up, and what will stop working soon."""

from datetime import UTC, datetime

import typer
from rich.console import Console
from rich.markup import escape

from pressrun.cli.exit_codes import COMPLETE, REFUSED
from pressrun.doctor import examine
from pressrun.settings import Settings

__all__ = ["doctor"]

LEVELS = ["ok", "warn", "bad"]


def doctor() -> None:
    """Check the key, the provider, Prefect, and how long each configured model will be available."""
    console = Console()
    # The worst comes last, where a person looks first.
    findings = sorted(examine(Settings(), datetime.now(UTC).date()), key=lambda one: LEVELS.index(one.level))
    for finding in findings:
        mark = {"ok": "[green]ok[/]  ", "warn": "[yellow]note[/]", "bad": "[red]bad[/] "}[finding.level]
        console.print(
            f"{mark}  [bold]{escape(finding.subject)}[/]: {escape(finding.text)}", highlight=False, soft_wrap=True
        )
    raise typer.Exit(REFUSED if any(finding.level == "bad" for finding in findings) else COMPLETE)
