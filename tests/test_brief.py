"""A brief that loads is fit to spend money on."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pressrun.brief import SiteBrief
from tests.builders import a_brief, brief_fields


def fault_of(**changes: Any) -> str:
    """What the model says about one wrong field; fails when it says nothing, or speaks of another field."""
    with pytest.raises(ValidationError) as caught:
        SiteBrief.model_validate(brief_fields(**changes))
    (fault,) = caught.value.errors()
    assert fault["loc"][0] in changes
    return fault["msg"]


def test_only_what_the_client_alone_can_know_is_required() -> None:
    required = {name for name, field in SiteBrief.model_fields.items() if field.is_required()}
    assert required == {"name", "domain", "trade", "audience", "services"}


def test_a_bare_brief_orders_six_articles_and_thirteen_images_in_english() -> None:
    brief = a_brief()
    assert (brief.article_count, brief.image_count, brief.language) == (6, 13, "en")
    assert brief.pages[0] == "Home"


@pytest.mark.parametrize("count", [6, 7, 8, 9])
def test_six_to_nine_articles_are_accepted(count: int) -> None:
    assert a_brief(article_count=count).article_count == count


@pytest.mark.parametrize("count", [-1, 0, 5, 10, 6.5, "six", ""])
def test_any_other_number_of_articles_is_refused(count: object) -> None:
    assert fault_of(article_count=count)


@pytest.mark.parametrize("count", [0, 41])
def test_a_site_has_one_to_forty_images(count: int) -> None:
    assert fault_of(image_count=count)


def test_an_unknown_field_is_refused() -> None:
    assert "not permitted" in fault_of(servces=["Bread"])


@pytest.mark.parametrize("field", ["name", "trade", "audience"])
def test_a_text_of_spaces_is_as_good_as_none(field: str) -> None:
    assert fault_of(**{field: "   "})


@pytest.mark.parametrize("services", [[], [""], "Bread", ["Bread"] * 31])
def test_services_are_one_to_thirty_texts(services: object) -> None:
    assert fault_of(services=services)


def test_a_page_named_twice_is_refused_whatever_its_capitals() -> None:
    assert "'home' occurs twice" in fault_of(pages=["Home", "Contact", "home"])


def test_an_empty_optional_field_means_that_it_was_not_given() -> None:
    fields = {**brief_fields(), "tone": None, "keywords": None, "contact": {"email": None, "hours": "9 to 5"}}
    brief = SiteBrief.model_validate(fields)
    assert brief.tone == a_brief().tone
    assert brief.keywords == []
    assert (brief.contact.email, brief.contact.hours) == (None, "9 to 5")


def test_an_empty_required_field_is_missing() -> None:
    with pytest.raises(ValidationError, match="Field required"):
        SiteBrief.model_validate({**brief_fields(), "trade": None})


@pytest.mark.parametrize(
    ("tag", "standard"),
    [("en", "en"), ("en_gb", "en-GB"), ("ZH-tw", "zh-TW"), ("zh-Hant-TW", "zh-Hant-TW"), ("de-DE", "de-DE")],
)
def test_a_language_tag_is_written_in_its_standard_form(tag: str, standard: str) -> None:
    assert a_brief(language=tag).language == standard


@pytest.mark.parametrize("tag", ["", "English", "繁體中文", "en-GBx", "xx-yy-zz", "und", "x-bakery", "en-", "en GB"])
def test_what_names_no_language_is_refused(tag: str) -> None:
    assert "zh-TW" in fault_of(language=tag)


@pytest.mark.parametrize(
    ("tag", "chinese", "traditional"),
    [
        ("zh-TW", True, True),
        ("zh-HK", True, True),
        ("zh-Hant", True, True),
        ("zh-CN", True, False),
        ("zh", True, False),
        ("ja", False, False),
        ("en", False, False),
    ],
)
def test_the_script_follows_from_the_language_tag(tag: str, chinese: bool, traditional: bool) -> None:
    brief = a_brief(language=tag)
    assert (brief.is_chinese, brief.is_traditional_chinese) == (chinese, traditional)


def test_colours_are_kept_in_lower_case() -> None:
    assert a_brief(brand_colours=["#1A2B3C"]).brand_colours == ["#1a2b3c"]


@pytest.mark.parametrize("colour", ["#fff", "1a2b3c", "#1a2b3g", "teal", "", "#1a2b3c;background:url(x)"])
def test_a_colour_that_is_not_six_hex_digits_is_refused(colour: str) -> None:
    assert "#1a2b3c" in fault_of(brand_colours=[colour])


@pytest.mark.parametrize(
    ("given_domain", "kept"),
    [
        ("harbour-bakery.example", "harbour-bakery.example"),
        (" HTTPS://Harbour-Bakery.Example/ ", "harbour-bakery.example"),
        ("www.spring-hill.example", "www.spring-hill.example"),
        ("茶館.example", "茶館.example"),
        ("xn--fiqs8s.example", "中国.example"),
        ("bäckerei-süd.example", "bäckerei-süd.example"),
        ("a\u00adb.example", "ab.example"),
        ("straße.example", "straße.example"),
        ("XN--STRAE-OQA.example", "straße.example"),
        ("strasse.example", "strasse.example"),
        ("βόλος.example", "βόλος.example"),
        ("harbour-bakery.example.", "harbour-bakery.example"),
        ("ＨＡＲＢＯＵＲ。example", "harbour.example"),
        ("bücher.straße.example", "bücher.straße.example"),
    ],
)
def test_a_domain_is_kept_as_its_readers_know_it(given_domain: str, kept: str) -> None:
    assert a_brief(domain=given_domain).domain == kept


@pytest.mark.parametrize(
    "domain",
    [
        *("", "localhost", "10.20.30.40", "a.--", "-a.example", "a_b.example", "a..example", f"{'a' * 64}.example"),
        *("x.example/menu", "x.example:80", "x.example?q=1", "user@x.example", "a b.example", "../etc.example"),
        *("xn--zzzz.example", "“nord.example”", "'nord.example'", "«nord.example»", "no\u200drd.example", "☕.example"),
        *("x.example..", "ab--c.example", "ä" * 100_000 + ".example"),
    ],
)
def test_what_is_not_a_domain_is_refused(domain: str) -> None:
    assert "harbour-bakery.example" in fault_of(domain=domain)


@pytest.mark.parametrize(
    ("domain", "host"),
    [
        ("straße.example", "xn--strae-oqa.example"),
        ("strasse.example", "strasse.example"),
        ("βόλος.example", "xn--nxasmm1c.example"),
        ("中国.example", "xn--fiqs8s.example"),
    ],
)
def test_a_domain_is_in_addresses_as_it_is_registered(domain: str, host: str) -> None:
    assert a_brief(domain=domain).host == host
    assert a_brief(domain=host).domain == domain


@pytest.mark.parametrize(
    ("name", "domain", "slug"),
    [
        ("Harbour Bakery", "elsewhere.example", "harbour-bakery"),
        ("Fahrrad Süd & Söhne", "elsewhere.example", "fahrrad-sud-sohne"),
        ("春山茶館", "https://www.spring-hill.example", "spring-hill"),
        ("Spring Hill 春山茶館", "spring-hill.example", "spring-hill"),
        ("春山", "茶館.example", "cha-guan"),
        ("春山", "xn--strae-oqa.example", "strasse"),
        ("!!!", "spring-hill.example", "spring-hill"),
        (
            "A very long name that would not fit into forty letters",
            "x.example",
            "a-very-long-name-that-would-not-fit-into",
        ),
    ],
)
def test_a_slug_is_made_from_a_latin_name_and_otherwise_from_the_domain(name: str, domain: str, slug: str) -> None:
    assert a_brief(name=name, domain=domain).slug == slug


def test_a_given_slug_is_kept() -> None:
    assert a_brief(slug="the-bakery").slug == "the-bakery"


@pytest.mark.parametrize("slug", ["../up", "A-B", "a--b", "-a", "a_b", "茶", "a" * 41, "a/b", "."])
def test_a_slug_that_could_be_another_path_is_refused(slug: str) -> None:
    assert fault_of(slug=slug)


@pytest.mark.parametrize(
    "email", ["a..b@x.example", ".a@x.example", "a@-x.example", "Ms Ash <ash@x.example>", "a@x..example"]
)
def test_an_address_that_no_mail_server_takes_is_refused(email: str) -> None:
    assert "e-mail" in fault_of(contact={"email": email})


@pytest.mark.parametrize(
    ("email", "kept"),
    [
        ("hello+web@Harbour-Bakery.example", "hello+web@harbour-bakery.example"),
        ("info@xn--strae-oqa.example", "info@straße.example"),
        ("用戶@例子.example", "用戶@例子.example"),
        ("hello@site.test", "hello@site.test"),
    ],
)
def test_an_email_address_is_kept_in_its_normal_form(email: str, kept: str) -> None:
    assert a_brief(contact={"email": email}).contact.email == kept


@pytest.mark.parametrize("email", ["bread", "bread@", "@x.example", "a b@x.example", "a@b", '"><script>@x.example'])
def test_what_is_not_an_email_address_is_refused(email: str) -> None:
    assert "e-mail" in fault_of(contact={"email": email})


@pytest.mark.parametrize("field", ["name", "trade", "notes"])
def test_a_character_that_no_feed_or_terminal_can_carry_is_left_out(field: str) -> None:
    assert getattr(a_brief(**{field: "bread\x00 and\x1b \u202ebutter\uffff"}), field) == "bread and butter"


@pytest.mark.parametrize("written", ["N\u200bord", "Nord\u2060", " Nord\n", "\u202eNord", "No\u00adrd"])
def test_names_that_look_the_same_are_the_same_and_so_are_their_slugs(written: str) -> None:
    brief = a_brief(name=written, pages=[written, "Contact"])
    assert (brief.name, brief.slug, brief.pages) == ("Nord", "nord", ["Nord", "Contact"])


def test_a_name_of_invisible_characters_is_as_good_as_none() -> None:
    assert "at least 1 character" in fault_of(name="\u200b\u2060")


def test_an_accent_is_written_in_one_way() -> None:
    assert a_brief(name="Cafe\u0301").name == a_brief(name="Caf\u00e9").name


@pytest.mark.parametrize("end", ["\r\n", "\r", "\x0b", "\u2028"])
def test_a_line_end_in_notes_is_one_in_any_spelling(end: str) -> None:
    assert a_brief(notes=f"One.{end}Two.").notes == "One.\nTwo."
    assert a_brief(trade=f"Bread{end}and cakes").trade == "Bread and cakes"


def test_notes_keep_their_lines() -> None:
    assert a_brief(notes="One.\n\n二。").notes == "One.\n\n二。"


field_values = st.one_of(st.none(), st.text(max_size=50), st.integers(), st.lists(st.text(max_size=8), max_size=3))


@given(st.dictionaries(st.sampled_from(sorted(SiteBrief.model_fields)), field_values))
def test_any_form_either_validates_or_is_refused_and_what_validates_is_safe_to_name_a_folder(
    changes: dict[str, Any],
) -> None:
    try:
        brief = SiteBrief.model_validate({**brief_fields(), **changes})
    except ValidationError:
        return
    assert set(brief.slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert SiteBrief.model_validate(brief.model_dump(mode="json")) == brief


@given(st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=20))
def test_every_name_gives_a_slug(name: str, label: str) -> None:
    slug = SiteBrief.model_construct(**SiteBrief._slug_from_name({"name": name, "domain": label})).slug
    assert 1 <= len(slug) <= 40
    assert a_brief(slug=slug).slug == slug
