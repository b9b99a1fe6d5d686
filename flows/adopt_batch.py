"""`adopt-batch`: import a batch from the provider into this installation, so that no run pays for it again."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.ending import failed_by
from pressrun.calls import Endpoint
from pressrun.errors import Refused
from pressrun.routes.batch import look, shard_of, ticket_of
from pressrun.routes.needs import Need
from pressrun.settings import current_settings
from tasks.access import client_for, provider_for
from tasks.batches import UnderWay, collect_answers, record_ticket, wait_for_batches
from tasks.logs import quiet_prefect

__all__ = ["adopt_batch"]


@flow(name="adopt-batch", flow_run_name="adopt-batch / {batch_id}")
def adopt_batch(batch_id: str) -> State[Any]:
    """Use an existing batch at the provider for the next run of the same brief.

    Args:
        batch_id: Batch id as shown by `pressrun batches list`. Its input file must still exist.
    """
    quiet_prefect()
    try:
        return Completed(message=_adopt(batch_id))
    except Exception as error:  # noqa: BLE001 - whatever it is, the run's state says it without a secret
        return failed_by(error)


def _adopt(batch_id: str) -> str:
    with (
        provider_for(simulate=False, needs=[Need.BATCHES]) as provider,
        client_for(provider) as client,
        TemporaryDirectory(prefix="pressrun-") as folder,
    ):
        view = look(client, batch_id)
        if view.is_refused:
            raise Refused(f"The provider refused batch {batch_id}; none of it ran, so there is nothing to adopt.")
        settings = current_settings()
        names = {Endpoint.CHAT: settings.text_model, Endpoint.IMAGES: settings.image_model}
        shard = shard_of(client, view, Path(folder), names)
        ticket = record_ticket(shard, provider, ticket_of(view, shard, "adopted"))
        if not view.is_terminal:
            return f"{batch_id} is {view.status}; the next run of its brief waits for it instead of submitting again."
        under_way = UnderWay(shard=shard, ticket=ticket, deadline=ticket.created_at + timedelta(days=30))
        [ended] = wait_for_batches([under_way], provider, 1.0)
        account = collect_answers(ended, ticket, shard, provider).account
    return (
        f"Adopted {batch_id}: {account.answered} answers are stored here, {account.unanswered} of {account.submitted} "
        "calls are unanswered. The next run of its brief uses the answers."
    )
