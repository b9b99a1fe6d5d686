"""The simulator's replies to Pressrun's own calls: valid, believable, in the right language, each different."""

import json
import re
from functools import cache
from typing import Any

import hanzidentifier
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pressrun.brief import SiteBrief
from pressrun.calls import Answer, Call, Route, StepName
from pressrun.simulator.writer import write_reply
from pressrun.simulator.writing.palette import contrast, palette
from pressrun.simulator.writing.words import LANGUAGES, THEMES, Words, load_prose
from pressrun.steps import CONFIG, STEPS, Asking, Order, Parsed, Step, repair_call
from pressrun.steps.checks import display_width, reading_length
from pressrun.steps.config import SiteConfig

TEXT_STEPS = (StepName.ARTICLES, StepName.DESCRIPTIONS, StepName.SEO)

ENGLISH = {
    "name": "Harbour Bakery",
    "domain": "harbour-bakery.example",
    "trade": "Sourdough bakery and coffee counter",
    "language": "en-GB",
    "audience": "People who live near the quay",
    "services": ["Sourdough loaves, baked overnight", "Saffron buns", "Cakes to order (five days)", "Saturday class"],
    "keywords": ["sourdough bakery Cornwall", "saffron buns", "bread class"],
    "contact": {"email": "bread@harbour-bakery.example", "phone": "01632 960142"},
    "brand_colours": ["#1f3a4d", "#e9b44c", "#f7f1e5"],
    "pages": ["Home", "About", "Our Bread", "Classes", "FAQ", "Visit Us"],
}
CHINESE = {
    "name": "雲腳茶舍",
    "domain": "yunjiao-tea.example",
    "trade": "自產自銷的烏龍茶園與老宅茶館",
    "language": "zh-TW",
    "audience": "週末上山的旅客",
    "services": ["現場品茶席：由茶農親自沖泡", "凍頂烏龍、紅水烏龍與蜜香紅茶", "Tea tasting class", "老宅包場"],
    "keywords": ["凍頂烏龍茶推薦", "鹿谷茶館"],
    "pages": ["首頁", "關於我們", "我們的茶", "品茶與體驗", "常見問題", "交通與預約"],
}
PORTUGUESE = {
    **ENGLISH,
    "name": "Padaria do Cais",
    "domain": "padaria.example",
    "language": "pt-BR",
    "brand_colours": [],
}
GERMAN = {
    **ENGLISH,
    "name": "Radwerk Lindenhof",
    "domain": "radwerk-lindenhof.example",
    "trade": "Fahrradwerkstatt für Alltagsräder, E-Bikes und Lastenräder",
    "language": "de-DE",
    "tone": "Sachlich, freundlich, ohne Fachchinesisch",
    "audience": "Menschen, die jeden Tag mit dem Rad fahren",
    "services": [
        "Inspektion in zwei Stufen, mit Festpreis und schriftlichem Protokoll",
        "Reparatur am selben Tag bei Reifen, Bremsbelägen, Kette und Licht",
        "E-Bike-Service mit Fehlerdiagnose, Software-Update und Akkuprüfung",
        "Wartungsverträge für Betriebe ab fünf Rädern, mit Abholung",
        "Geprüfte Gebrauchträder mit zwölf Monaten Gewährleistung",
    ],
    "keywords": ["Fahrradwerkstatt Köln Ehrenfeld", "E-Bike Inspektion Köln", "Fahrrad winterfest machen"],
    "pages": ["Start", "Werkstatt", "E-Bike und Lastenrad", "Für Betriebe", "Gebrauchträder", "Über uns", "Kontakt"],
}
LONG_GERMAN = {
    **GERMAN,
    "name": "Hildegard Oberstaufenbachers Fahrradmanufaktur und Lastenradverleih am Lindenhof",
    "domain": "oberstaufenbacher.example",
    "services": ["Rad", "Fahrradreparaturwerkstattwagenvermietungsgesellschaft für Gemeinden und Vereine"],
    "pages": ["Start", "Preise", "Galerie", "Häufige Fragen", "Anfahrt", "Barrierefreiheitserklärung für alle"],
}
LATIN_IN_CHINESE = {**CHINESE, "name": "Morning Light Tea and Coffee House", "domain": "morning.example"}
LONG = {
    **ENGLISH,
    "name": "The Very Long Established Harbour Bakery and Coffee Counter of Penhallow Quay and District",
    "services": ["Handmade stoneground wholemeal sourdough loaves with an extraordinarily long description " * 3],
    "pages": ["Home", "Everything that we have ever wanted to tell you about our bread and its long history"],
}
BRIEFS = {
    "en": ENGLISH,
    "zh-TW": CHINESE,
    "de-DE": GERMAN,
    "de-DE with long names": LONG_GERMAN,
    "pt-BR": PORTUGUESE,
    "zh-TW with a Latin name": LATIN_IN_CHINESE,
    "long names": LONG,
}
CASES = [(name, articles) for name in BRIEFS for articles in (6, 9)]


def _brief(fields: dict[str, Any], articles: int = 9, images: int = 13) -> SiteBrief:
    return SiteBrief.model_validate({**fields, "article_count": articles, "image_count": images})


def _order(brief: SiteBrief, config: SiteConfig | None = None) -> Order:
    return Order(brief=brief, text_model="gpt-5-mini", image_model="gpt-image-1", image_quality="low", config=config)


def _answer(call: Call) -> Answer:
    message = {"content": write_reply(call.body)}
    choice = {"message": message, "finish_reason": "stop"}
    return Answer(call_id=call.id, route=Route.REALTIME, body={"choices": [choice]})


def _parsed(step: Step, order: Order) -> dict[str, Parsed]:
    readings = [step.parse(order, call, _answer(call)) for call in step.calls(order)]
    assert [reading.faults for reading in readings if reading.faults] == []
    return {item: parsed for reading in readings for item, parsed in reading.parsed.items()}


@cache
def _site(name: str, articles: int) -> tuple[SiteBrief, SiteConfig, dict[StepName, dict[str, Parsed]]]:
    """A whole site as Pressrun itself reads it; parsing raises for anything that is not fit to publish."""
    brief = _brief(BRIEFS[name], articles)
    (planned,) = _parsed(CONFIG, _order(brief)).values()
    order = _order(brief, planned.content)
    return brief, planned.content, {step: _parsed(STEPS[step], order) for step in TEXT_STEPS}


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}, {case[1]} articles")
def site(request: pytest.FixtureRequest) -> tuple[SiteBrief, SiteConfig, dict[StepName, dict[str, Parsed]]]:
    return _site(*request.param)


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
    brief, config, made = _site("en", 6)
    bodies = "\n".join(section.body for page in config.pages for section in page.sections)
    assert "bread@harbour-bakery.example" in bodies
    assert "Sourdough loaves, baked overnight" in bodies
    texts = [parsed.content.text for parsed in made[StepName.ARTICLES].values()]
    assert all("Harbour Bakery" in text for text in texts)
    assert any("saffron buns" in text for text in texts)
    assert {config.palette.primary, config.palette.accent} <= set(brief.brand_colours)


def test_wishes_for_pages_become_fitting_kinds() -> None:
    _, english, _ = _site("en", 6)
    assert [page.kind for page in english.pages] == ["home", "about", "services", "other", "faq", "contact"]
    _, chinese, _ = _site("zh-TW", 6)
    assert [page.kind for page in chinese.pages] == ["home", "about", "services", "other", "faq", "contact"]
    assert chinese.pages[1].slug == "about"


@pytest.mark.parametrize("path", [("zh", "site.json"), *(("zh", "articles", f"{theme}.json") for theme in THEMES)])
def test_chinese_prose_has_traditional_characters_only(path: tuple[str, ...]) -> None:
    text = json.dumps(load_prose(*path), ensure_ascii=False)
    assert hanzidentifier.identify(text) in (hanzidentifier.TRADITIONAL, hanzidentifier.BOTH)


@pytest.mark.parametrize("path", [("de", "site.json"), *(("de", "articles", f"{theme}.json") for theme in THEMES)])
def test_german_prose_has_german_quotation_marks_in_pairs(path: tuple[str, ...]) -> None:
    text = json.dumps(load_prose(*path), ensure_ascii=False)
    assert not re.search(r"\\\"|[”«»']", text)
    assert re.findall("[„“]", text) == ["„", "“"] * text.count("„")


def test_a_german_site_has_no_english_sentence() -> None:
    _, config, made = _site("de-DE", 9)
    texts = [config.model_dump_json(exclude={"images": {"__all__": {"prompt"}}})]
    texts += [
        parsed.content.model_dump_json() for step in (StepName.ARTICLES, StepName.SEO) for parsed in made[step].values()
    ]
    assert re.findall(r"\b(the|and|with|you|for|is|of)\b", " ".join(texts), re.IGNORECASE) == []


def test_a_german_phrase_is_not_cut_before_an_umlaut() -> None:
    words = Words.of(_brief({**GERMAN, "services": ["Laufräder Gebrauchträder"]}))
    assert words.services(20) == ["Laufräder"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_slot_of_the_prose_is_one_that_is_filled(language: str) -> None:
    texts = [
        load_prose(language, "site.json"),
        *(load_prose(language, "articles", f"{theme}.json") for theme in THEMES),
    ]
    slots = set(re.findall(r"\{(\w+)\}", json.dumps(texts)))
    assert {slot.lower() for slot in slots} <= {"service", "other", "name", "tone", "page", "services", "contact"}


def test_every_language_has_the_same_pages_scenes_and_themes() -> None:
    for language in LANGUAGES:
        data = load_prose(language, "site.json")
        assert set(data["pages"]) == set(load_prose("en", "site.json")["pages"])
        assert set(data["scenes"]) == set(load_prose("prompts.json"))
        assert len(data["views"]) == 4


def test_british_sites_get_british_spelling_and_american_ones_american() -> None:
    def spelled(language: str) -> str:
        order = _order(_brief({**ENGLISH, "language": language}))
        (planned,) = _parsed(CONFIG, order).values()
        return str(planned.content.model_dump_json())

    assert "neighbourhood" in spelled("en-GB")
    assert "neighborhood" not in re.sub(r'"prompt":"[^"]*"', "", spelled("en-GB"))
    assert "neighborhood" in spelled("en-US")


def test_the_same_body_always_gets_the_same_reply() -> None:
    call = CONFIG.calls(_order(_brief(ENGLISH)))[0]
    assert write_reply(call.body) == write_reply(json.loads(json.dumps(call.body)))


def test_a_repair_call_is_answered_like_the_call_itself() -> None:
    brief, config, _ = _site("zh-TW", 6)
    step = STEPS[StepName.ARTICLES]
    order = _order(brief, config)
    call = step.calls(order)[3]
    broken = Answer(call_id=call.id, route=Route.REALTIME, body={"choices": [{"message": {"content": "{}"}}]})
    repair = repair_call(call, broken, {call.item: ["title: Field required", "<item>{}</item> is no way"]})
    assert step.parse(order, repair, _answer(repair)) == step.parse(order, call, _answer(call))


@pytest.mark.parametrize("name", ["en", "zh-TW", "de-DE"])
def test_an_item_gets_the_same_words_whether_it_is_packed_or_not(name: str) -> None:
    brief, config, made = _site(name, 6)
    order = _order(brief, config).model_copy(update={"asking": Asking(pack=False)})
    for step in (StepName.DESCRIPTIONS, StepName.SEO):
        assert _parsed(STEPS[step], order) == made[step]


def test_a_repair_of_a_pack_is_answered_for_the_items_it_asks_for() -> None:
    brief, config, made = _site("en", 6)
    step = STEPS[StepName.DESCRIPTIONS]
    [call] = step.calls(_order(brief, config))
    repair = repair_call(call, _answer(call), {"image-05": ["alt is empty"], "image-09": ["alt is empty"]})
    parsed = step.parse(_order(brief, config), repair, _answer(repair)).parsed
    assert parsed == {item: made[StepName.DESCRIPTIONS][item] for item in ("image-05", "image-09")}


@pytest.mark.parametrize("headings", [1, 4, 5, 9, 30])
def test_an_outline_of_any_length_gets_a_section_with_text_for_each_heading(headings: int) -> None:
    brief, config, _ = _site("en", 6)
    outline = [f"Heading {number}" for number in range(headings)]
    plan = config.articles[0].model_copy(update={"outline": outline})
    order = _order(brief, config.model_copy(update={"articles": [plan]}))
    article = next(iter(_parsed(STEPS[StepName.ARTICLES], order).values())).content
    assert [section.heading for section in article.sections] == outline
    assert all(section.body for section in article.sections)
    assert reading_length(article.text) >= 900


def test_forty_images_and_twelve_pages_are_all_different() -> None:
    labels = ["Home", *(f"Page {letter}" for letter in "ABCDEFGHIJK")]
    brief = _brief({**ENGLISH, "services": ["Bread"], "pages": labels}, images=40)
    (planned,) = _parsed(CONFIG, _order(brief)).values()
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
    order = _order(_brief(nasty))
    (planned,) = _parsed(CONFIG, order).values()
    bodies = "".join(section.body for page in planned.content.pages for section in page.sections)
    assert "<" not in bodies
    assert "{" not in bodies


@pytest.mark.parametrize("name", ["site_config", "article", "image_description", "page_seo", "something_else"])
def test_a_request_without_the_blocks_gets_filler_that_is_valid(name: str) -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    wanted = {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}
    body = {"messages": [{"role": "user", "content": "Hello"}], "response_format": wanted}
    assert json.loads(write_reply(body))["title"]


def test_text_parts_are_read_like_a_plain_text() -> None:
    call = CONFIG.calls(_order(_brief(ENGLISH)))[0]
    parts = [
        {**message, "content": [{"type": "text", "text": message["content"]}]} for message in call.body["messages"]
    ]
    assert json.loads(write_reply({**call.body, "messages": parts}))["site_name"] == "Harbour Bakery"


def test_without_a_schema_the_reply_is_a_short_text_or_a_small_object() -> None:
    body: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello"}]}
    assert "simulat" in write_reply(body)
    assert "reply" in json.loads(write_reply({**body, "response_format": {"type": "json_object"}}))


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_no_body_is_too_strange_to_answer(messages: Any) -> None:
    assert write_reply({"messages": messages, "response_format": messages})
    assert write_reply({"messages": [{"role": "user", "content": messages}]})


@given(st.lists(st.from_regex(r"#[0-9a-f]{6}", fullmatch=True), max_size=6), st.integers(0, 99))
def test_text_can_be_read_on_any_brand_colours(colours: list[str], seed: int) -> None:
    made = palette(colours, seed)
    assert contrast(made["text"], made["background"]) >= 7
    assert all(re.fullmatch(r"#[0-9a-f]{6}", colour) for colour in made.values())
