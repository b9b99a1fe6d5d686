"""What a run leaves to be read in the Prefect UI: artifacts, each made once a run, however often it is replayed."""

from typing import Any
from uuid import UUID

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from tasks.keys import once_per_run

__all__ = ["publish_markdown", "publish_table", "tag_run"]


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
    """A markdown artifact under `key` (lower case, digits, dashes); returns its id."""
    return str(create_markdown_artifact(markdown=markdown, key=key, description=description))


@task(
    name="publish-table",
    task_run_name="publish {key}",
    persist_result=True,
    result_serializer="json",
    cache_key_fn=once_per_run,
)
def publish_table(key: str, rows: list[dict[str, Any]], description: str) -> str:
    """A table artifact under `key`, one dict a row; returns its id."""
    return str(create_table_artifact(table=rows, key=key, description=description))
