from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pressrun.calls import Endpoint
from pressrun.routes.batch import admitted, refusal_pause
from pressrun.sharding import Limits, Shard

LIMITS = Limits(tokens={"gpt-6-luna": 1_000})


def a_shard(tokens: int, *, model: str = "gpt-6-luna", name: str = "") -> Shard:
    key = f"{model}-{tokens}-{name}"
    return Shard(
        endpoint=Endpoint.CHAT, model=model, ids=("a",), key=key, path=Path("x"), size=1, tokens=tokens, sites=("s",)
    )


def test_what_fits_beside_what_is_under_way_goes_and_the_rest_waits() -> None:
    waiting = [a_shard(500, name="a"), a_shard(400, name="b"), a_shard(100, name="c")]
    assert admitted(waiting, [a_shard(450)], LIMITS) == [waiting[0]]
    assert admitted(waiting, [a_shard(500)], LIMITS) == [waiting[0]]
    assert admitted(waiting, [a_shard(600)], LIMITS) == [waiting[1]]
    assert admitted(waiting, [], LIMITS) == waiting


def test_a_shard_above_the_limit_goes_alone_rather_than_never() -> None:
    large, small = a_shard(5_000), a_shard(1)
    assert admitted([large, small], [], LIMITS) == [large]
    assert admitted([large], [small], LIMITS) == []


def test_models_do_not_wait_for_one_another_and_one_without_a_limit_waits_for_nothing() -> None:
    other = [a_shard(9_000, model="gpt-6-sol", name=name) for name in "ab"]
    assert admitted([a_shard(900), *other], [a_shard(900, name="x"), *other], LIMITS) == other


@given(st.lists(st.integers(1, 1_500), max_size=20), st.lists(st.integers(1, 1_500), max_size=5))
def test_the_limit_is_kept_and_nothing_waits_for_ever(waiting: list[int], under_way: list[int]) -> None:
    shards = [a_shard(tokens, name=f"w{n}") for n, tokens in enumerate(waiting)]
    running = [a_shard(tokens, name=f"r{n}") for n, tokens in enumerate(under_way)]
    chosen = admitted(shards, running, LIMITS)
    assert all(shard in shards for shard in chosen)
    if len(running) + len(chosen) > 1 and chosen:
        assert sum(shard.tokens for shard in [*running, *chosen]) <= 1_000
    if shards and not running:
        assert chosen


def test_pauses_after_a_full_queue_double_up_to_half_an_hour() -> None:
    first = timedelta(seconds=30)
    assert [refusal_pause(n, first) for n in (1, 2, 3)] == [first, 2 * first, 4 * first]
    assert refusal_pause(1_000, first) == timedelta(minutes=30)
