"""Replies that are too large to be carried along: images by batch, each kept on its own in Prefect's result storage.

Invariant: what `keep` has returned can be read again by any run, wherever Prefect's results are stored; one reply at a
time is in memory, and none stays there.
"""

from typing import Any

from prefect.filesystems import WritableFileSystem
from prefect.results import ResultStore, get_default_result_storage
from prefect.runtime import flow_run
from prefect.serializers import JSONSerializer

from pressrun.calls import Answer, Call, Frozen
from pressrun.errors import DestinationUnfit
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
    """Store an answer's body; returns the answer without it. A failed call has none, and comes back as it is."""
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
    """Keep for each budget what is its own of a batch that several share (`members`: the calls of each).

    So a site's run does not read the answers of a thousand others.
    """
    answers = {answer.call_id: answer for answer in harvested.answers}
    for budget, call_ids in members.items():
        share = harvested.model_copy(update={"answers": [answers[call_id] for call_id in call_ids]})
        result_store().write(share, key=_share_key(batch_id, budget, provider))


def share_of(batch_id: str, budget: str, provider: Provider) -> Harvested | None:
    """What `share_out` has kept; None when there is none, or when an answer of it is gone."""
    share = _harvested(_share_key(batch_id, budget, provider))
    return share if share and all(map(is_kept, share.answers)) else None


def answers_of_batch(batch_id: str, budget: str, provider: Provider) -> dict[str, Answer]:
    """The replies of a batch that was harvested earlier, by call id, as far as they are still kept.

    Of a batch that several share, only those that count against `budget`.
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
    """Whether a call's answer in real time is kept, so that asking for it costs nothing."""
    return result_store().exists(answer_key(provider, call))


def require_storage() -> None:
    """Raise `DestinationUnfit` when what is paid for could not be kept, or found again: Prefect would go on without."""
    key = f"pressrun-probe-{flow_run.id}"
    try:
        store = result_store()
        store.write("Pressrun looks whether results can be kept here.", key=key)
        kept = store.exists(key)
    except Exception as error:  # Each storage has errors of its own, and all mean the same here.
        raise DestinationUnfit(
            f"Results cannot be kept in Prefect's result storage ({type(error).__name__}: {error}). This attempt has "
            "spent nothing. See PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK."
        ) from error
    if not kept:
        raise DestinationUnfit(
            "Prefect's result storage takes results and does not give them back, so everything would be paid again. "
            "This attempt has spent nothing. See PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK."
        )


def keep_for_run(name: str, value: Frozen) -> None:
    """Keep something for the time when this attempt at the run goes on after it was suspended."""
    result_store().write(value, key=_run_key(name))


def find_for_run(name: str) -> Any:
    """What `keep_for_run` has kept under this name, as a dict; None when there is none."""
    key = _run_key(name)
    return result_store().read(key).result if result_store().exists(key) else None


def _run_key(name: str) -> str:
    """A retried run is another attempt, and begins anew."""
    return f"pressrun-{name}-{flow_run.id}-{flow_run.run_count}"


def result_store() -> ResultStore:
    """Where our tasks' results are, without a memory: it would hold what is to be kept on disk.

    A flow's own store leads nowhere when the flow does not persist its result.
    """
    return ResultStore(result_storage=_storage(), cache_result_in_memory=False, serializer=JSONSerializer())


@once_a_run
def _storage() -> WritableFileSystem:
    """Prefect asks its server for it each time, which for a fleet's answers was a third of all the work."""
    storage = get_default_result_storage()
    assert isinstance(storage, WritableFileSystem)
    return storage
