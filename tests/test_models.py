from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.errors import UnknownPrice
from pressrun.models import EFFORTS, ModelKind, check_models, legal_effort, model_info, model_table, shutdown, undated
from pressrun.prices import Tier, unit_prices

TODAY = date(2026, 11, 23)
MODELS = sorted(model_table().models)


def test_the_default_models_are_known_batchable_and_without_an_end():
    for model, kind in (("gpt-6-luna", ModelKind.TEXT), ("gpt-image-2.5-flare", ModelKind.IMAGE)):
        info = model_info(model)
        assert info is not None
        assert (info.kind, info.batch, info.shutdown) == (kind, True, None)


def test_a_dated_snapshot_is_its_model_and_a_strange_model_is_unknown():
    assert model_info("gpt-6-luna-2026-09-01") == model_info("gpt-6-luna")
    assert undated("gpt-6-luna") == "gpt-6-luna"
    assert model_info("qwen3-32b") is None


def test_image_models_of_2_6_cannot_be_batched_and_those_of_2_5_can():
    assert not model_info("gpt-image-2.6-flare").batch
    assert model_info("gpt-image-2.5-sunburst").batch


@pytest.mark.parametrize(
    ("model", "wanted", "sent"),
    [
        ("gpt-6-luna", "none", "none"),
        ("gpt-6-luna", "max", "max"),
        ("gpt-6.1-sol", "none", "low"),
        ("gpt-6.2-sol", "none", "low"),
        ("gpt-6.2-sol", "max", None),
        ("gpt-5", "none", "minimal"),
        ("gpt-5.1", "minimal", "low"),
        ("gpt-4o-mini", "none", None),
        ("gpt-4.1", "high", None),
        ("qwen3-32b", "low", None),
        ("gpt-image-2", "low", None),
    ],
)
def test_an_effort_is_sent_as_wanted_or_as_the_nearest_higher_one_or_not_at_all(model, wanted, sent):
    assert legal_effort(model, wanted) == sent


@given(st.sampled_from(MODELS), st.sampled_from(EFFORTS))
def test_an_effort_that_is_sent_is_legal_and_never_below_the_wanted_one(model, wanted):
    sent = legal_effort(model, wanted)
    if sent is not None:
        assert sent in model_info(model).efforts
        assert EFFORTS.index(sent) >= EFFORTS.index(wanted)


def test_a_word_that_is_no_effort_is_an_error():
    with pytest.raises(ValueError):
        legal_effort("gpt-6-luna", "hard")


def test_a_retired_model_is_refused_with_its_replacement():
    [notice] = check_models(["dall-e-3", "gpt-6-luna"], TODAY)
    assert notice.refused
    assert notice.model == "dall-e-3"
    assert "2026-05-12" in notice.text
    assert "gpt-image-2.5-flare" in notice.text


def test_a_model_that_shuts_down_within_90_days_is_a_warning_that_counts_the_days():
    [notice] = check_models(["gpt-4o-mini", "gpt-4o-mini"], TODAY)
    assert not notice.refused
    assert notice.text == "gpt-4o-mini shuts down on 2027-01-14, in 52 days. Use gpt-6-luna instead."


def test_the_notice_begins_90_days_before_and_turns_into_a_refusal_on_the_day_itself():
    shutdown = date(2027, 4, 1)
    assert check_models(["gpt-5.1"], shutdown - timedelta(days=91)) == []
    assert [n.refused for n in check_models(["gpt-5.1"], shutdown - timedelta(days=90))] == [False]
    assert "tomorrow" in check_models(["gpt-5.1"], shutdown - timedelta(days=1))[0].text
    assert [n.refused for n in check_models(["gpt-5.1"], shutdown)] == [True]


def test_an_unknown_model_gets_no_verdict():
    assert check_models(["qwen3-32b"], TODAY) == []


def test_the_providers_own_date_wins_over_our_tables_and_says_so():
    told = {"gpt-4o-mini": date(2026, 12, 24), "gpt-4.1-nano": date(2026, 12, 1)}
    later, revived = check_models(["gpt-4o-mini", "gpt-4.1-nano"], TODAY, told)
    assert later.text == (
        "gpt-4o-mini shuts down on 2026-12-24, in 31 days, according to the provider's own list. "
        "Use gpt-6-luna instead."
    )
    assert not revived.refused


def test_a_model_that_the_provider_has_ended_is_refused_though_our_table_knows_of_no_end():
    told = {"gpt-6-luna": TODAY, "qwen3-32b": TODAY}
    known, unknown = check_models(["gpt-6-luna", "qwen3-32b"], TODAY, told)
    assert known.refused
    assert known.text.startswith("gpt-6-luna was shut down on 2026-11-23, according to the provider's own list.")
    assert unknown.refused
    assert unknown.text.endswith("Choose a current model instead.")


def test_a_provider_that_tells_no_date_leaves_our_tables_standing():
    assert check_models(["dall-e-3"], TODAY, {"gpt-5.1": date(2027, 4, 1)}) == check_models(["dall-e-3"], TODAY)


def test_a_dated_snapshot_ends_with_its_model_unless_the_provider_tells_its_own_day():
    snapshot, of_model, of_snapshot = "gpt-6-luna-2026-09-01", date(2026, 12, 1), date(2026, 12, 2)
    assert shutdown(snapshot, {"gpt-6-luna": of_model}) == (of_model, True)
    assert shutdown(snapshot, {"gpt-6-luna": of_model, snapshot: of_snapshot}) == (of_snapshot, True)
    assert shutdown("gpt-6-luna", {snapshot: of_snapshot}) is None
    assert shutdown("gpt-4o-mini-2024-07-18") == (date(2027, 1, 14), False)


def test_every_replacement_is_a_model_that_we_know_and_that_stays():
    for model, info in model_table().models.items():
        if info.replacement:
            assert model_info(info.replacement).shutdown is None, model


PRICELESS = {
    "chatgpt-image-latest": "the launch post says that it can be batched; no package has a batch price",
    "dall-e-2": "retired",
    "dall-e-3": "retired",
}


@pytest.mark.parametrize("model", [model for model in MODELS if model not in PRICELESS])
def test_the_batch_flag_agrees_with_the_price_data(model):
    at = datetime(2026, 11, 23, tzinfo=UTC)
    try:
        unit_prices(model, Tier.BATCH, at)
        priced = True
    except UnknownPrice:
        priced = False
    assert model_info(model).batch == priced
