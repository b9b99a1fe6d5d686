"""The records of shards: who shares a batch, whoever asks."""

from datetime import timedelta
from pathlib import Path

import pytest

from pressrun.costs.shardfile import ShardFile
from pressrun.sharding import Shard, shards
from tests.calls_builder import a_call

BUDGETS = {"one": "budget-one", "two": "budget-two"}


@pytest.fixture
def records(tmp_path: Path) -> ShardFile:
    return ShardFile(tmp_path / "ledger.sqlite")


def a_shard(tmp_path: Path, *sites: str, after: str | None = None) -> tuple[Shard, dict[str, str]]:
    """A shard with a call of each site, and the calls' budgets."""
    calls = [a_call("article-01", site=site) for site in sites]
    [shard] = shards(calls, tmp_path, after=after)
    return shard, {call.id: BUDGETS[call.site] for call in calls}


def test_a_run_of_one_site_finds_the_shard_that_it_shares_with_others(tmp_path: Path, records: ShardFile) -> None:
    shard, budgets = a_shard(tmp_path, "one", "two")
    recorded = records.record([shard], budgets)
    mine = a_call("article-01", site="one").id
    assert records.of([mine], budget="budget-one") == {mine: recorded[0]}
    assert set(recorded[0].ids) == set(budgets)
    assert records.of([mine], budget="budget-two") == {}


def test_the_input_file_is_kept_for_whoever_has_to_upload_it(tmp_path: Path, records: ShardFile) -> None:
    shard, budgets = a_shard(tmp_path, "one")
    content = shard.path.read_bytes()
    [recorded] = records.record([shard], budgets)
    assert recorded.path.read_bytes() == content
    records.forget_files(older_than=timedelta(days=1))
    assert recorded.path.exists()
    records.forget_files(older_than=timedelta(days=-1))
    assert not recorded.path.exists()


def test_a_call_is_put_into_one_shard_only(tmp_path: Path, records: ShardFile) -> None:
    both, budgets = a_shard(tmp_path, "one", "two")
    assert records.record([both], budgets)
    alone, budget = a_shard(tmp_path, "one")
    assert records.record([alone], budget) is None
    assert set(records.of(budget, budget="budget-one")) == set(budget)


def test_leftovers_are_in_a_shard_of_their_own(tmp_path: Path, records: ShardFile) -> None:
    first, budget = a_shard(tmp_path, "one")
    records.record([first], budget)
    again, _ = a_shard(tmp_path, "one", after="batch_1")
    [recorded] = records.record([again], budget)
    assert set(records.of(budget, budget="budget-one", after="batch_1").values()) == {recorded}
    assert recorded.after == "batch_1"


def test_the_calls_of_a_dropped_shard_are_free_for_other_company(tmp_path: Path, records: ShardFile) -> None:
    both, budgets = a_shard(tmp_path, "one", "two")
    [recorded] = records.record([both], budgets)
    freed = records.drop(recorded)
    assert freed == {budget: [call_id] for call_id, budget in budgets.items()}
    alone, budget = a_shard(tmp_path, "one")
    assert records.record([alone], budget)


def test_another_budget_may_order_the_same_work_anew(tmp_path: Path, records: ShardFile) -> None:
    shard, budget = a_shard(tmp_path, "one")
    records.record([shard], budget)
    same, _ = a_shard(tmp_path, "one")
    assert records.record([same], dict.fromkeys(budget, "budget-one fresh"))
