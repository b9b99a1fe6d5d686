"""The simulator's replies to Pressrun's own calls: valid, believable, in the right language, each different."""

import re
from typing import Any

import pytest

from pressrun.brief import SiteBrief
from pressrun.calls import StepName
from pressrun.simulator.writing.palette import contrast
from pressrun.steps import CONFIG, STEPS, Parsed
from pressrun.steps.checks import display_width, reading_length
from pressrun.steps.config import SiteConfig

from .written import CASES, ENGLISH, a_brief, a_site, an_order, parsed_by


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}, {case[1]} articles")
def site(request: pytest.FixtureRequest) -> tuple[SiteBrief, SiteConfig, dict[StepName, dict[str, Parsed]]]:
    return a_site(*request.param)


def test_every_reply_passes_its_step_without_a_warning(site: Any) -> None:
    _, _, made = site
    assert {item: parsed.warnings for step in made.values() for item, parsed in step.items() if parsed.warnings} == {}


def test_nothing_of_a_step_is_alike(site: Any) -> None:
    _, _, made = site
    for step, items in made.items():
        assert STEPS[step].check_together({item: parsed.content for item, parsed in items.items()}) == {}


def test_titles_and_descriptions_of_the_whole_site_differ_and_have_the_usual_widths(site: Any) -> None:
    _, _, made = site
    articles = [parsed.content for parsed in made[StepName.ARTICLES].values()]
    pages = [parsed.content for parsed in made[StepName.SEO].values()]
    titles = [article.seo_title for article in articles] + [page.title for page in pages]
    descriptions = [article.seo_description for article in articles] + [page.description for page in pages]
    assert len(set(titles)) == len(titles)
    assert len(set(descriptions)) == len(descriptions)
    assert all(30 <= display_width(title) <= 60 for title in titles)
    assert all(120 <= display_width(description) <= 160 for description in descriptions)


def test_the_configuration_is_what_the_brief_ordered(site: Any) -> None:
    brief, config, _ = site
    slugs = [page.slug for page in config.pages] + [plan.slug for plan in config.articles]
    assert config.pages[0].slug == config.pages[0].kind == "home"
    assert [page.kind for page in config.pages].count("home") == 1
    assert len(config.articles) == brief.article_count
    assert len(config.images) == brief.image_count
    assert len(set(slugs)) == len(slugs)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug) for slug in slugs)
    assert config.images[0].placement == "home"
    assert config.images[0].role == "hero"
    assert {image.placement for image in config.images} <= set(slugs)
    assert len({image.subject for image in config.images}) == len(config.images)
    assert all(image.prompt.isascii() or "’" in image.prompt for image in config.images)
    assert contrast(config.palette.text, config.palette.background) >= 4.5


def test_articles_are_long_enough_and_follow_their_plan(site: Any) -> None:
    brief, config, made = site
    least = 1_400 if brief.is_chinese else 900
    for plan, parsed in zip(config.articles, made[StepName.ARTICLES].values(), strict=True):
        assert parsed.content.title == plan.title
        assert [section.heading for section in parsed.content.sections] == plan.outline
        assert reading_length(parsed.content.text) >= least
        assert re.search(r"^(- |1\. )", parsed.content.text, re.MULTILINE)
        assert "**" in parsed.content.text


def test_no_paragraph_appears_twice_on_a_site(site: Any) -> None:
    _, _, made = site
    paragraphs = [
        paragraph for parsed in made[StepName.ARTICLES].values() for paragraph in parsed.content.text.split("\n\n")
    ]
    assert len(set(paragraphs)) == len(paragraphs)


def test_the_clients_name_services_and_contact_are_on_the_site() -> None:
    brief, config, made = a_site("en", 6)
    bodies = "\n".join(section.body for page in config.pages for section in page.sections)
    assert "bread@harbour-bakery.example" in bodies
    assert "Sourdough loaves, baked overnight" in bodies
    texts = [parsed.content.text for parsed in made[StepName.ARTICLES].values()]
    assert all("Harbour Bakery" in text for text in texts)
    assert any("saffron buns" in text for text in texts)
    assert {config.palette.primary, config.palette.accent} <= set(brief.brand_colours)


def test_wishes_for_pages_become_fitting_kinds() -> None:
    _, english, _ = a_site("en", 6)
    assert [page.kind for page in english.pages] == ["home", "about", "services", "other", "faq", "contact"]
    _, chinese, _ = a_site("zh-TW", 6)
    assert [page.kind for page in chinese.pages] == ["home", "about", "services", "other", "faq", "contact"]
    assert chinese.pages[1].slug == "about"


def test_a_german_site_has_no_english_sentence() -> None:
    _, config, made = a_site("de-DE", 9)
    texts = [config.model_dump_json(exclude={"images": {"__all__": {"prompt"}}})]
    texts += [
        parsed.content.model_dump_json() for step in (StepName.ARTICLES, StepName.SEO) for parsed in made[step].values()
    ]
    assert re.findall(r"\b(the|and|with|you|for|is|of)\b", " ".join(texts), re.IGNORECASE) == []


def test_british_sites_get_british_spelling_and_american_ones_american() -> None:
    def spelled(language: str) -> str:
        order = an_order(a_brief({**ENGLISH, "language": language}))
        (planned,) = parsed_by(CONFIG, order).values()
        return str(planned.content.model_dump_json())

    assert "neighbourhood" in spelled("en-GB")
    assert "neighborhood" not in re.sub(r'"prompt":"[^"]*"', "", spelled("en-GB"))
    assert "neighborhood" in spelled("en-US")


@pytest.mark.parametrize("headings", [1, 4, 5, 9, 30])
def test_an_outline_of_any_length_gets_a_section_with_text_for_each_heading(headings: int) -> None:
    brief, config, _ = a_site("en", 6)
    outline = [f"Heading {number}" for number in range(headings)]
    plan = config.articles[0].model_copy(update={"outline": outline})
    order = an_order(brief, config.model_copy(update={"articles": [plan]}))
    article = next(iter(parsed_by(STEPS[StepName.ARTICLES], order).values())).content
    assert [section.heading for section in article.sections] == outline
    assert all(section.body for section in article.sections)
    assert reading_length(article.text) >= 900


def test_forty_images_and_twelve_pages_are_all_different() -> None:
    labels = ["Home", *(f"Page {letter}" for letter in "ABCDEFGHIJK")]
    brief = a_brief({**ENGLISH, "services": ["Bread"], "pages": labels}, images=40)
    (planned,) = parsed_by(CONFIG, an_order(brief)).values()
    subjects = [image.subject for image in planned.content.images]
    assert len(set(subjects)) == len(subjects) == 40
    assert len({page.headline for page in planned.content.pages}) == 12


def test_alternative_text_describes_within_125_characters(site: Any) -> None:
    _, _, made = site
    for parsed in made[StepName.DESCRIPTIONS].values():
        assert 5 < len(parsed.content.alt) <= 125
        assert not parsed.content.alt.lower().startswith(("image of", "photo of"))
        assert parsed.content.caption != parsed.content.alt


def test_markup_in_a_brief_does_not_reach_the_copy() -> None:
    nasty = {
        **ENGLISH,
        "services": ["<script>alert(1)</script> {{bread}} **now**", "[Loaves](x)"],
        "name": "A <b>B</b>",
    }
    order = an_order(a_brief(nasty))
    (planned,) = parsed_by(CONFIG, order).values()
    bodies = "".join(section.body for page in planned.content.pages for section in page.sections)
    assert "<" not in bodies
    assert "{" not in bodies
