"""What is wrong with a file is said in one go, at its line, in plain words; and nothing else ever happens."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pressrun.brief import SiteBrief, load_brief
from pressrun.errors import BadBrief
from pressrun.files import SIZE_LIMIT
from pressrun.marked import Marked, read_marked
from pressrun.strategy import load_strategy
from tests.builders import a_brief, brief_fields

VALID = """\
name: Harbour Bakery
domain: harbour-bakery.example
trade: Sourdough bakery
audience: People who live near the quay
services: [Sourdough loaves, Celebration cakes]
"""


@pytest.fixture
def brief_file(tmp_path: Path) -> Path:
    return tmp_path / "brief.yaml"


def faults_of(path: Path, content: str | bytes) -> list[str]:
    """Write the content, try to load it as a brief, and give the faults; fails when it loads."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadBrief) as caught:
        load_brief(path)
    assert "nothing was spent" in str(caught.value)
    return caught.value.faults


def test_yaml_and_json_give_the_same_brief(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(VALID)
    (tmp_path / "a.json").write_text(json.dumps(brief_fields()))
    assert load_brief(tmp_path / "a.yaml") == load_brief(tmp_path / "a.json") == a_brief()


def test_json_indented_with_tabs_is_read(brief_file: Path) -> None:
    brief_file.write_text(json.dumps(brief_fields(), indent="\t"))
    assert load_brief(brief_file) == a_brief()


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(brief_file: Path) -> None:
    brief_file.write_bytes(b"\xef\xbb\xbf" + VALID.replace("\n", "\r\n").encode())
    assert load_brief(brief_file) == a_brief()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_file_with_a_byte_order_mark_is_read_in_its_encoding(brief_file: Path, encoding: str) -> None:
    brief_file.write_bytes(VALID.replace("Harbour", "Süß 雲角").encode(encoding))
    assert load_brief(brief_file).name == "Süß 雲角 Bakery"


@pytest.mark.parametrize("number", ["NaN", "1e999", "Infinity", "9" * 5_000, "-0", "0x7"])
def test_a_number_that_is_none_of_ours_is_a_fault_in_words(tmp_path: Path, number: str) -> None:
    content = json.dumps(brief_fields())[:-1] + f', "article_count": {number}}}'
    (fault,) = faults_of(tmp_path / "brief.JSON", content)
    assert fault.startswith("line 1: article_count: should be ")
    assert len(fault) < 150


def test_a_json_field_that_is_given_twice_is_a_fault(tmp_path: Path) -> None:
    content = json.dumps(brief_fields())[:-1] + ', "name": "Another"}'
    assert faults_of(tmp_path / "brief.json", content) == ["line 1: name: given twice"]


def test_a_link_to_itself_and_a_name_that_no_file_has_are_faults(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    for name in ("loop.yaml", "a\0b.yaml", "x" * 300 + ".yaml"):
        with pytest.raises(BadBrief, match="cannot be read"):
            load_brief(tmp_path / name)


def test_what_a_file_quotes_cannot_steer_a_terminal(brief_file: Path) -> None:
    brief_file.write_text(VALID + '"\\e[2J\\u202Efax": x\n')
    with pytest.raises(BadBrief, match="fax: unknown field") as caught:
        load_brief(brief_file)
    assert not {"\x1b", "\u202e"} & set(str(caught.value))


def test_all_faults_of_a_yaml_file_are_listed_at_their_lines(brief_file: Path) -> None:
    content = """\
# An hour's interview.
name: Harbour Bakery
domain: not a domain
audience: [nearby]
servces:
  - Bread
article_count: 5
language: English
contact:
  emial: bread@harbour-bakery.example
  email: bread
keywords: sourdough
brand_colours:
  - "#1a2b3c"
  - teal
"""
    assert faults_of(brief_file, content) == [
        "line 2: trade: required, but missing",
        "line 2: services: required, but missing",
        "line 3: domain: not a domain name such as harbour-bakery.example (got 'not a domain')",
        "line 4: audience: should be text",
        "line 5: servces: unknown field; did you mean services?",
        "line 7: article_count: should be at least 6 (got '5')",
        "line 8: language: not a BCP 47 language tag such as en-GB or zh-TW (got 'English')",
        "line 10: contact.emial: unknown field; did you mean email?",
        "line 11: contact.email: not an e-mail address such as hello@harbour-bakery.example (got 'bread')",
        "line 12: keywords: should be a list: one entry per line, each starting with `- ` (got 'sourdough')",
        "line 15: brand_colours.1: not a colour of the form #1a2b3c (got 'teal')",
    ]


def test_all_faults_of_a_json_file_are_listed_at_their_lines(tmp_path: Path) -> None:
    content = json.dumps(brief_fields(article_count=10, image_count=None, contact={"fax": "1"}, services=[]), indent=2)
    assert faults_of(tmp_path / "brief.json", content) == [
        "line 6: services: has 0 entries; at least 1 required",
        "line 7: article_count: should be at most 9 (got '10')",
        "line 9: contact.fax: unknown field; check its spelling",
    ]


def test_a_fault_inside_a_wrapper_is_placed_at_its_own_line(tmp_path: Path) -> None:
    path = tmp_path / "strategy.json"
    path.write_text('{\n"batch_strategy": {\n"articles": "sometimes",\n"max_wait_time": "6"\n}\n}')
    with pytest.raises(BadBrief) as caught:
        load_strategy(path)
    articles, wait = caught.value.faults
    assert articles.startswith("line 3: articles: should be 'always_batch', 'user_choice' or 'never_batch'")
    assert wait.startswith("line 4: max_wait_time: a duration needs a unit")


def test_a_file_with_hundreds_of_faults_is_cut_short(brief_file: Path) -> None:
    faults = faults_of(brief_file, "".join(f"column{number}: x\n" for number in range(500)))
    assert len(faults) == 101
    assert faults[-1] == "... and 405 more; is this the right file?"


def test_a_long_text_is_not_repeated_in_full(brief_file: Path) -> None:
    (fault,) = faults_of(brief_file, f"{VALID}tone: {'x' * 301}\n")
    assert fault.startswith("line 6: tone: longer than 300 characters")
    assert len(fault) < 150


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "line 1: the file is empty"),
        ("# only a comment\n", "line 1: the file is empty"),
        ("- name: A\n", "line 1: expected fields (`name: ...`), but found something else"),
        ("[1, 2]", "line 1: expected fields (`name: ...`), but found something else"),
        ("Harbour Bakery", "line 1: expected fields (`name: ...`), but found something else"),
        ("null", "line 1: expected fields (`name: ...`), but found something else"),
        (
            VALID.encode("utf-16-le"),
            "this is not text in UTF-8; if it should be, save it as UTF-8 (in Excel: CSV UTF-8)",
        ),
        (VALID.encode("utf-16") + b"x", "line 6: not UTF-16 text; save it as UTF-8 (in Excel: CSV UTF-8)"),
        (
            VALID.encode() + "tone: süß".encode("latin-1"),
            "line 6: not UTF-8 text; save it as UTF-8 (in Excel: CSV UTF-8)",
        ),
        (
            b"\x89PNG\r\n\x1a\n\0\0",
            "this is not text in UTF-8; if it should be, save it as UTF-8 (in Excel: CSV UTF-8)",
        ),
        (b"PK\x03\x04\0\0", "this is a workbook or an archive, not text; save it as UTF-8 (in Excel: CSV UTF-8)"),
        (VALID + "tone: a\x07b", "line 6: an unprintable character (U+0007)"),
        (VALID + "name: Another\n", "line 6: name: given twice"),
        (VALID + "contact:\n  phone: 1\n  phone: 2\n", "line 8: phone: given twice"),
        (VALID + "---\nname: Another\n", "line 6: a second document begins here; a file must have only one"),
        (VALID + "tone: &warm\n", "line 6: put text that begins with & in quotes (found &warm)"),
        (VALID + "tone: *warm\n", "line 6: put text that begins with * in quotes (found *warm)"),
        (VALID + "tone: !warm\n", "line 6: put text that begins with ! in quotes (found !warm)"),
        (VALID + 'tone: "\\ud83d"\n', "line 6: half of a character (a lone surrogate escape)"),
        (VALID + "\ttone: warm\n", "line 6: indented with a tab; YAML requires spaces"),
        (VALID + 'tone: "warm\nslug: x\n', "line 6: a quote or bracket opened here is never closed"),
        (VALID + "keywords: [bread\n", "line 6: a quote or bracket opened here is never closed"),
        (
            VALID + "tone: Warm: and plain\n",
            "line 6: put text that contains a colon and a space in quotes, or fix the indentation",
        ),
        (
            VALID + "tone: @home\n",
            "line 6: put this text in quotes (found character '@' that cannot start any token)",
        ),
        (
            VALID + "brand_colours: [#1a2b3c]\n",
            "line 6: YAML treats text after # as a comment, so put colours in quotes, such as '#1a2b3c'",
        ),
    ],
)
def test_a_file_that_is_not_one_group_of_fields_is_refused(brief_file: Path, content: str | bytes, fault: str) -> None:
    assert faults_of(brief_file, content) == [fault]


def test_a_colour_that_yaml_swallowed_as_a_comment_is_named(brief_file: Path) -> None:
    faults = faults_of(brief_file, f"{VALID}brand_colours:\n  - #1a2b3c\n  - '#223344'\n")
    advice = "YAML treats text after # as a comment, so put colours in quotes, such as '#1a2b3c'"
    assert faults == [f"line 7: brand_colours.0: read as empty; {advice}"]


def test_an_ordinary_comment_after_an_empty_field_is_no_fault(brief_file: Path) -> None:
    brief_file.write_text(f"{VALID}brand_colours:  # none yet\ntone:\n")
    assert load_brief(brief_file) == a_brief()


def test_numbers_and_dates_stay_the_text_that_was_written(brief_file: Path) -> None:
    brief_file.write_text(VALID.replace("Harbour Bakery", "1984") + "tone: 2024-02-30\ncontact: {phone: 0123 456}\n")
    brief = load_brief(brief_file)
    assert (brief.name, brief.tone, brief.contact.phone) == ("1984", "2024-02-30", "0123 456")


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(BadBrief, match="file not found"):
        load_brief(tmp_path / "none.yaml")
    with pytest.raises(BadBrief, match="this is a folder"):
        load_brief(tmp_path)


def test_a_file_too_large_to_be_a_brief_is_not_parsed(brief_file: Path) -> None:
    assert faults_of(brief_file, b"#" * (SIZE_LIMIT + 1)) == ["larger than 500 kB, which is too large for a brief"]


def test_the_longest_brief_that_the_model_accepts_is_within_the_size_limit(brief_file: Path) -> None:
    texts = {"services": ["茶" * 300] * 30, "keywords": ["茶" * 300] * 50, "notes": "茶" * 4000}
    brief_file.write_text(json.dumps(brief_fields(**texts)))
    assert load_brief(brief_file) == a_brief(**texts)


def test_a_billion_laughs_are_refused_before_they_are_expanded() -> None:
    laughs = "a: &a [ha, ha]\n" + "".join(
        f"{chr(98 + level)}: &{chr(98 + level)} [*{chr(97 + level)}, *{chr(97 + level)}]\n" for level in range(24)
    )
    marked = read_marked(laughs)
    assert marked.faults
    assert len(json.dumps(marked.data)) < 1000


@pytest.mark.parametrize("bracket", ["[", "{", "- ", "? ", "{a: "])
def test_a_file_of_brackets_is_refused_rather_than_exhausting_the_stack(brief_file: Path, bracket: str) -> None:
    (fault,) = faults_of(brief_file, bracket * 20_000)
    assert "more than 20 levels deep" in fault


def loads_or_refuses(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        assert isinstance(load_brief(path), SiteBrief)
    except BadBrief as error:
        assert error.faults


YAML_BITS = [
    *"\n\t\r\"'|>#{}[],:?-&*!%@`~<\\",
    *("  ", ": ", "- ", "? ", "---\n", "...\n", "<<: ", "&a ", "*a", "!!int ", "!<x> ", "|2-", ">+9", "#fff", "="),
    *("%YAML 1.1\n", "%TAG ! x\n", "\\Uffffffff", "\\ud800", "\\x", "\x85", "\u2028", "\ufeff", "茶", "😀"),
    *("name", "contact", "services", "2020-99-99", "0x", "1e999", ".nan", "yes", "null"),
]


@given(st.text())
def test_any_text_loads_or_is_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    loads_or_refuses(tmp_path_factory.getbasetemp() / "text.yaml", text.encode(errors="surrogatepass"))


@given(st.binary())
def test_any_bytes_load_or_are_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    loads_or_refuses(tmp_path_factory.getbasetemp() / "bytes.yaml", content)


@example(["name", ": ", "!!int ", "x"])
@example(['"', "\\Uffffffff", '"'])
@given(st.lists(st.sampled_from(YAML_BITS), max_size=40))
def test_any_heap_of_yaml_signs_after_a_valid_brief_loads_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, bits: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "bits.yaml"
    loads_or_refuses(path, "".join(bits).encode())
    loads_or_refuses(path, (VALID + "".join(bits)).encode())


json_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
json_values = st.recursive(
    json_texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(json_texts, inner, max_size=3), max_leaves=8
)


@given(st.dictionaries(json_texts, json_values, min_size=1, max_size=5))
def test_json_is_read_as_json_reads_it(data: dict[str, Any]) -> None:
    marked = read_marked(json.dumps(data))
    assert (marked.data, marked.faults) == (data, [])


def test_every_field_and_entry_has_its_line() -> None:
    marked = read_marked("a: 1\nb:\n  - x\n  - c: |\n      y\n      z\n    d: {e: f}\n")
    assert marked == Marked(
        data={"a": "1", "b": ["x", {"c": "y\nz\n", "d": {"e": "f"}}]}, lines=marked.lines, faults=[]
    )
    assert {place: line for place, line in marked.lines.items() if "name on line" not in str(place)} == {
        (): 1,
        ("a",): 1,
        ("b",): 2,
        ("b", 0): 3,
        ("b", 1): 4,
        ("b", 1, "c"): 4,
        ("b", 1, "d"): 7,
        ("b", 1, "d", "e"): 7,
    }
