"""A run's artifacts in the Prefect UI, each created once per run, however often it is replayed.

Invariant: no text in them has a secret or a control character, which PostgreSQL would refuse.
"""

from datetime import date
from typing import Any
from uuid import UUID

from prefect import task
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from pressrun.costs.ledgerfile import LedgerFile
from pressrun.costs.months import beside_month_before, month_key, month_report
from pressrun.costs.periods import PeriodReport, month_markdown
from pressrun.untrusted import safe
from tasks.keys import once_per_run

__all__ = ["publish_link", "publish_markdown", "publish_month", "publish_table", "tag_run"]


def tag_run(labels: list[str]) -> None:
    """Add tags to the flow run itself; Prefect's `tags` context inside a flow reaches its tasks only."""
    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(flow_run.id), tags={*flow_run.tags, *labels})


@task(
    name="publish-report",
    task_run_name="publish {key}",
    persist_result=True,
    result_serializer="json",
    cache_key_fn=once_per_run,
)
def publish_markdown(key: str, markdown: str, description: str) -> str:
    """A Markdown artifact under `key` (lower case, digits, dashes); returns its id."""
    return str(create_markdown_artifact(markdown=safe(markdown), key=key, description=safe(description)))


@task(
    name="publish-table",
    task_run_name="publish {key}",
    persist_result=True,
    result_serializer="json",
    cache_key_fn=once_per_run,
)
def publish_table(key: str, rows: list[dict[str, Any]], description: str) -> str:
    """A table artifact under `key`, one dict per row; returns its id."""
    return str(create_table_artifact(table=rows, key=key, description=description))


@task(
    name="publish-link",
    task_run_name="publish {key}",
    persist_result=True,
    result_serializer="json",
    cache_key_fn=once_per_run,
)
def publish_link(key: str, link: str, text: str, description: str) -> str:
    """A link artifact under `key`; returns its id."""
    return str(create_link_artifact(link=link, link_text=safe(text), key=key, description=description))


def publish_month(ledger: LedgerFile, month: date, *, simulated: bool, compare: bool = False) -> PeriodReport:
    """Publish what all runs spent in a month (given by its first day), as an artifact.

    `compare` also reads the previous month.
    """
    report = month_report(ledger, month, simulated=simulated)
    compared = beside_month_before(report, ledger, month, simulated=simulated) if compare else ""
    markdown = month_markdown(report, month, simulated=simulated, compared=compared)
    publish_markdown(month_key(month, simulated=simulated), markdown, f"Costs of {month:%B %Y}, all sites")
    return report
