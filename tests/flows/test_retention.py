"""Files at the provider: deleted or expiring, as the strategy says."""

import pytest

from tests.flows.batch_runs import check_answers, some_calls, through_batch
from tests.provider import Server

pytestmark = pytest.mark.usefixtures("prefect_api")


def test_files_are_deleted_when_the_strategy_says_so_and_only_after_the_answers_are_kept(server: Server) -> None:
    calls = some_calls("private")
    outcome = through_batch(server, calls, delete_files=True)
    check_answers(outcome)
    assert server.files() == []
    again = through_batch(server, calls, delete_files=True)
    assert again.routes == {"batch": 4}
    assert server.batches() == 1


def test_result_files_expire_when_the_strategy_says_so(server: Server) -> None:
    through_batch(server, some_calls("expiring"), output_expires_after="2h")
    [output] = [file for file in server.files() if file["purpose"] == "batch_output"]
    assert output["expires_at"] - output["created_at"] == 7200
