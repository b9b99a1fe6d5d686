"""The examples are fit to be run, and to be shown."""

import json
import re
from datetime import timedelta
from pathlib import Path

import hanzidentifier
import pytest

from pressrun.brief import SiteBrief, load_brief
from pressrun.calls import StepName
from pressrun.strategy import BatchStrategy, Policy, Preference, load_strategy

EXAMPLES = Path(__file__).parent.parent / "examples"
BRIEFS = sorted(path for path in EXAMPLES.iterdir() if path.suffix in {".yaml", ".json"})
STRATEGIES = sorted((EXAMPLES / "strategies").iterdir())


@pytest.mark.parametrize("path", BRIEFS, ids=lambda path: path.name)
def test_a_brief_loads_and_its_addresses_are_invented(path: Path) -> None:
    brief = load_brief(path)
    assert brief.domain.endswith(".example")
    assert brief.contact.email is None or brief.contact.email.endswith(".example")
    assert set(re.findall(r"[\w-]+\.(\w+)/", path.read_text())) <= {"example"}


@pytest.mark.parametrize("path", BRIEFS, ids=lambda path: path.name)
def test_a_brief_is_named_after_its_site(path: Path) -> None:
    assert load_brief(path).slug.startswith(path.stem)


def test_the_briefs_differ_in_language_and_cover_the_range_of_articles() -> None:
    briefs = [load_brief(path) for path in BRIEFS]
    assert {"en-GB", "zh-TW", "de-DE", "en"} <= {brief.language for brief in briefs}
    assert {6, 9} <= {brief.article_count for brief in briefs}
    assert len({brief.slug for brief in briefs}) == len(briefs)


@pytest.mark.parametrize("path", [path for path in BRIEFS if load_brief(path).is_chinese], ids=lambda path: path.name)
def test_a_taiwanese_brief_is_in_traditional_chinese_throughout(path: Path) -> None:
    text = path.read_text()
    assert load_brief(path).is_traditional_chinese
    assert hanzidentifier.identify(text) in {hanzidentifier.TRADITIONAL, hanzidentifier.BOTH}


def test_one_brief_gives_only_what_is_required() -> None:
    required = {name for name, field in SiteBrief.model_fields.items() if field.is_required()}
    assert set(json.loads((EXAMPLES / "cedar-ledger.json").read_text())) == required


def test_the_brief_of_the_demo_orders_what_the_pipeline_was_made_for() -> None:
    brief = load_brief(EXAMPLES / "harbour-bakery.yaml")
    assert (brief.article_count, brief.image_count) == (6, 13)


def test_the_original_configuration_is_loaded_unchanged() -> None:
    path = EXAMPLES / "strategies" / "brief.json"
    assert json.loads(path.read_text()) == {
        "batch_strategy": {
            "articles": "always_batch",
            "config": "user_choice",
            "images": "never_batch",
            "max_wait_time": "6_hours",
        }
    }
    strategy = load_strategy(path)
    assert strategy.policy(StepName.ARTICLES) is Policy.ALWAYS_BATCH
    assert strategy.policy(StepName.CONFIG) is Policy.USER_CHOICE
    assert strategy.policy(StepName.IMAGES) is Policy.NEVER_BATCH
    assert strategy.max_wait_time == timedelta(hours=6)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cheapest.yaml", BatchStrategy(preference=Preference.COST, max_wait_time=timedelta(hours=12))),
        ("fastest.yaml", BatchStrategy(preference=Preference.SPEED)),
    ],
)
def test_a_bare_strategy_file_is_read(name: str, expected: BatchStrategy) -> None:
    assert load_strategy(EXAMPLES / "strategies" / name) == expected


def test_the_readme_tells_of_every_example_and_of_none_besides() -> None:
    linked = set(re.findall(r"\]\(([^)]+)\)", (EXAMPLES / "README.md").read_text()))
    assert linked == {str(path.relative_to(EXAMPLES)) for path in [*BRIEFS, *STRATEGIES]}
