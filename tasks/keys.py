"""Cache keys: what makes two task runs the same work.

Invariant: a key names the provider and the content, never the run alone, so a run started again finds what an earlier
one paid for, and what the simulator wrote can never pass for a real model's work.
"""

from hashlib import sha256
from typing import Any

from prefect.context import TaskRunContext

from pressrun.calls import Call
from pressrun.routes.provider import Provider
from tasks.runs import paying_run

__all__ = ["answer_key", "content_key", "harvest_key", "once_per_fleet", "once_per_run"]


def content_key(kind: str, provider: Provider, content: str) -> str:
    """A cache key for `content` (itself a key or an id) at one provider."""
    return f"pressrun-{kind}-{sha256(f'{provider.identity} {content}'.encode()).hexdigest()}"


def answer_key(provider: Provider, call: Call) -> str:
    """Where a call's answer in real time is kept.

    The call's id is part of the key: two items that happen to ask the same thing are two things ordered. The route is
    not: an answer that was paid for serves, whatever tier it was paid at.
    """
    return content_key("answer", provider, f"{call.id} {call.key}")


def harvest_key(provider: Provider, batch_id: str) -> str:
    """Where a batch's answers are kept."""
    return content_key("harvest", provider, batch_id)


def once_per_run(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    """A cache key for things to be made once a flow run and content: artifacts, which a replay must not repeat."""
    return _once(context, str(context.task_run.flow_run_id), parameters)


def once_per_fleet(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    """As `once_per_run`, for what the runs of a fleet's sites share with it."""
    return _once(context, paying_run(), parameters)


def _once(context: TaskRunContext, run_id: str, parameters: dict[str, Any]) -> str:
    content = sha256(repr(sorted(parameters.items())).encode()).hexdigest()
    return f"pressrun-{context.task.name}-{run_id}-{content}"
