"""Replies that are too large to pass around: batched images, each stored separately in Prefect's result storage.

Invariant: any run can read what `keep` has returned, wherever Prefect's results are stored; only one reply at a time is
in memory.
"""

from typing import Any

from prefect.filesystems import WritableFileSystem
from prefect.results import ResultStore, get_default_result_storage
from prefect.runtime import flow_run
from prefect.serializers import JSONSerializer

from pressrun.calls import Answer, Call
from pressrun.errors import DestinationUnfit
from pressrun.frozen import Frozen
from pressrun.routes.batch import Harvested
from pressrun.routes.provider import Provider
from tasks.keys import answer_key, content_key, harvest_key
from tasks.runs import once_a_run

__all__ = [
    "answers_of_batch",
    "find_for_run",
    "is_kept",
    "keep",
    "keep_for_run",
    "opened",
    "require_storage",
    "share_of",
    "share_out",
    "was_answered",
]


def keep(answer: Answer, provider: Provider) -> Answer:
    """Store an answer's body; returns the answer without it. A failed call has no body and is returned unchanged."""
    if answer.body is None:
        return answer
    key = content_key("reply", provider, f"{answer.batch_id} {answer.call_id}")
    result_store().write(answer.body, key=key)
    return answer.model_copy(update={"body": None, "kept": key})


def is_kept(answer: Answer) -> bool:
    """Whether an answer's body is where it should be."""
    return answer.kept is None or result_store().exists(answer.kept)


def opened(answer: Answer) -> Answer:
    """The answer with its body."""
    if answer.kept is None:
        return answer
    body = result_store().read(answer.kept).result
    return answer.model_copy(update={"body": body, "kept": None})


def share_out(harvested: Harvested, batch_id: str, members: dict[str, list[str]], provider: Provider) -> None:
    """Store each budget's share of a shared batch (`members`: the calls of each).

    A site's run then does not have to read the answers of a thousand others.
    """
    answers = {answer.call_id: answer for answer in harvested.answers}
    for budget, call_ids in members.items():
        share = harvested.model_copy(update={"answers": [answers[call_id] for call_id in call_ids]})
        result_store().write(share, key=_share_key(batch_id, budget, provider))


def share_of(batch_id: str, budget: str, provider: Provider) -> Harvested | None:
    """What `share_out` has stored; None when there is none, or when one of its answers is gone."""
    share = _harvested(_share_key(batch_id, budget, provider))
    return share if share and all(map(is_kept, share.answers)) else None


def answers_of_batch(batch_id: str, budget: str, provider: Provider) -> dict[str, Answer]:
    """The replies of a batch that was harvested earlier, by call id, as far as they are still stored.

    For a shared batch, only those that count against `budget`.
    """
    harvested = _harvested(_share_key(batch_id, budget, provider)) or _harvested(harvest_key(provider, batch_id))
    answers = harvested.answers if harvested else []
    return {answer.call_id: answer for answer in answers if answer.error is None and is_kept(answer)}


def _harvested(key: str) -> Harvested | None:
    store = result_store()
    return Harvested.model_validate(store.read(key).result) if store.exists(key) else None


def _share_key(batch_id: str, budget: str, provider: Provider) -> str:
    return content_key("share", provider, f"{batch_id} {budget}")


def was_answered(call: Call, provider: Provider) -> bool:
    """Whether a call's real-time answer is stored, so that sending the call again costs nothing."""
    return result_store().exists(answer_key(provider, call))


def require_storage() -> None:
    """Raise `DestinationUnfit` when results could not be stored or found again; Prefect itself would ignore that."""
    key = f"pressrun-probe-{flow_run.id}"
    try:
        store = result_store()
        store.write("Pressrun tests whether results can be stored here.", key=key)
        kept = store.exists(key)
    except Exception as error:  # Each storage has its own errors, which all mean the same here.
        raise DestinationUnfit(
            f"Results cannot be stored in Prefect's result storage ({type(error).__name__}: {error}). This attempt "
            "spent nothing. Check PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK."
        ) from error
    if not kept:
        raise DestinationUnfit(
            "Prefect's result storage accepts results but does not return them, so everything would be paid for again. "
            "This attempt spent nothing. Check PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK."
        )


def keep_for_run(name: str, value: Frozen) -> None:
    """Store a value for this attempt at the run, to be found when it continues after a suspension."""
    result_store().write(value, key=_run_key(name))


def find_for_run(name: str) -> Any:
    """What `keep_for_run` has stored under this name, as a dict; None when there is none."""
    key = _run_key(name)
    return result_store().read(key).result if result_store().exists(key) else None


def _run_key(name: str) -> str:
    """A retried run is another attempt and starts again."""
    return f"pressrun-{name}-{flow_run.id}-{flow_run.run_count}"


def result_store() -> ResultStore:
    """The store of our tasks' results, without a memory cache, which would hold what belongs on disk.

    A flow's own store cannot be used when the flow does not persist its result.
    """
    return ResultStore(result_storage=_storage(), cache_result_in_memory=False, serializer=JSONSerializer())


@once_a_run
def _storage() -> WritableFileSystem:
    """Cached, because Prefect asks its server each time, which took a third of the time for a fleet's answers."""
    storage = get_default_result_storage()
    assert isinstance(storage, WritableFileSystem)
    return storage
