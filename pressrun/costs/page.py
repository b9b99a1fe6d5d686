"""`costs.html`: the report as one page that needs no Prefect.

Invariant: the page loads nothing (no script, file or address), and its content security policy forbids it; text that a
person or a model wrote is always escaped (Jinja's autoescape).
"""

from datetime import UTC, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pressrun.costs.report import CostReport
from pressrun.costs.sections import SIMULATED, SIMULATED_NOTE, headline, sections

__all__ = ["to_html"]


def to_html(report: CostReport, *, simulated: bool, title: str, made_at: datetime) -> str:
    """The content of the Markdown report as a printable page; `made_at` is timezone-aware and shown in UTC."""
    return (
        _environment()
        .get_template("page.html")
        .render(
            title=" ".join(title.split()),
            simulated=(SIMULATED, SIMULATED_NOTE) if simulated else None,
            figures=headline(report),
            sections=sections(report),
            made_at=made_at.astimezone(UTC),
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pressrun.costs", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Our own charts, which escape their labels.
    environment.filters["drawn"] = Markup
    return environment
