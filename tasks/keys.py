"""Cache keys: what makes two task runs the same work.

Invariant: a key names the provider and the content, never only the run, so a restarted run finds what an earlier one
paid for, and simulated content can never be mistaken for a real model's.
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
    """The key of a call's stored real-time answer.

    The call's id is part of the key, because two items with the same request are still two items. The route is not: an
    answer is reused whatever tier it was paid at.
    """
    return content_key("answer", provider, f"{call.id} {call.key}")


def harvest_key(provider: Provider, batch_id: str) -> str:
    """The key of a batch's stored answers."""
    return content_key("harvest", provider, batch_id)


def once_per_run(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    """A cache key for things to create once per flow run and content: artifacts, which a replay must not repeat."""
    return _once(context, str(context.task_run.flow_run_id), parameters)


def once_per_fleet(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    """Like `once_per_run`, for what the runs of a fleet's sites share with it."""
    return _once(context, paying_run(), parameters)


def _once(context: TaskRunContext, run_id: str, parameters: dict[str, Any]) -> str:
    content = sha256(repr(sorted(parameters.items())).encode()).hexdigest()
    return f"pressrun-{context.task.name}-{run_id}-{content}"
