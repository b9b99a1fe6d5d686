"""Briefs from folders, patterns and CSV files: each is read, or named with what is wrong."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.briefs import find_briefs, load_briefs
from pressrun.errors import Refused
from tests.builders import a_brief, brief_fields

HEAD = "name,slug,domain,trade,audience,services,article_count,contact.email,notes"


def a_file(folder: Path, slug: str) -> Path:
    path = folder / f"{slug}.json"
    path.write_text(json.dumps(brief_fields(slug=slug)))
    return path


def a_csv(folder: Path, *lines: str, head: str = HEAD) -> str:
    path = folder / "sites.csv"
    path.write_text("\n".join([head, *lines]), "utf-8")
    return str(path)


def slugs(*places: str) -> list[str]:
    return [brief.slug for brief in find_briefs(places).briefs]


def test_a_folder_a_pattern_and_a_file_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for slug in ("b", "a"):
        a_file(tmp_path, slug)
    assert slugs(str(tmp_path)) == ["a", "b"]
    assert slugs(f"{tmp_path}/*.json") == ["a", "b"]
    assert slugs(str(tmp_path / "b.json"), str(tmp_path / "a.json")) == ["b", "a"]


def test_a_pattern_reaches_into_folders(tmp_path: Path) -> None:
    (tmp_path / "client").mkdir()
    a_file(tmp_path / "client", "deep")
    assert slugs(f"{tmp_path}/**/*.json") == ["deep"]


def test_a_csv_file_has_a_site_a_line(tmp_path: Path) -> None:
    place = a_csv(
        tmp_path,
        "Bakery North,north,north.example,Bakery,Neighbours,Loaves; Cakes,7,hello@north.example,",
        '"Bakery, South",south,south.example,Bakery,Neighbours,Loaves,,,"Two\nlines"',
    )
    north, south = find_briefs([place]).briefs
    assert (north.services, north.article_count, north.contact.email) == (["Loaves", "Cakes"], 7, "hello@north.example")
    assert (south.name, south.article_count, south.notes) == ("Bakery, South", 6, "Two\nlines")


def test_chinese_in_a_csv_file_from_a_spreadsheet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sites.csv"
    path.write_text(
        "name,domain,trade,audience,services\n雲角茶館,yunjiao.example,茶館,鄰居,烏龍茶;紅茶\n", "utf-8-sig"
    )
    [brief] = find_briefs([str(path)]).briefs
    assert (brief.name, brief.slug, brief.services) == ("雲角茶館", "yunjiao", ["烏龍茶", "紅茶"])


def test_a_faulty_line_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    place = a_csv(
        tmp_path,
        "North,north,north.example,Bakery,Neighbours,Loaves,12,,",
        "South,south,south.example,Bakery,Neighbours,Loaves,,,",
        "West,west,west.example,Bakery,Neighbours,Loaves,,,,surplus",
    )
    found = find_briefs([place])
    assert [brief.slug for brief in found.briefs] == ["south"]
    first, second = map(str, found.faulty)
    assert f"{place}:2: 1 fault" in first
    assert "article_count: should be at most 9" in first
    assert "10 cells, but the header has 9" in second


def test_a_column_that_no_brief_has_is_named(tmp_path: Path) -> None:
    place = a_csv(tmp_path, "North,north.example,Bakery,Neighbours,Loaves", head="name,domain,trade,audience,servces")
    [fault] = find_briefs([place]).faulty
    assert "did you mean services?" in str(fault)


def test_a_slug_that_two_briefs_have_is_a_fault_of_the_second(tmp_path: Path) -> None:
    place = a_csv(tmp_path, *["North,north,north.example,Bakery,Neighbours,Loaves,,,"] * 2)
    found = find_briefs([place])
    assert [brief.slug for brief in found.briefs] == ["north"]
    assert "another brief also has the slug north" in str(found.faulty[0])
    with pytest.raises(Refused, match="another brief also has the slug north"):
        load_briefs([Path(place)])


@pytest.mark.parametrize("place", ["", "*.yaml"])
def test_a_place_without_a_brief_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(Refused, match="contains no briefs"):
        find_briefs([f"{tmp_path}/{place}"])


def test_a_file_that_is_not_there_is_a_fault_and_not_an_end(tmp_path: Path) -> None:
    found = find_briefs([str(tmp_path / "none.yaml"), str(tmp_path / "none.csv"), str(a_file(tmp_path, "here"))])
    assert [brief.slug for brief in found.briefs] == ["here"]
    assert ["file not found" in str(fault) for fault in found.faulty] == [True, True]


BARE = "name,domain,trade,audience,services"
NORD = "Nord,nord.example,Bakery,Neighbours,Loaves"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", BARE.replace(",", ";").encode() + b'\r\nNord;nord.example;Bakery;Neighbours;"Loaves; Cakes"\r\n'),
        ("a.csv", f"sep=,\n{BARE}\n{NORD}；Cakes".encode()),
        (
            "a.TSV",
            f"{BARE}\n{NORD}; Cakes,,".title().replace("Nord.E", "nord.e").replace(",", "\t").encode("utf-8-sig"),
        ),
        ("a.txt", f"{BARE}\r\n{NORD}; Cakes\r\n".replace(",", "\t").encode("utf-16")),
    ],
)
def test_a_table_is_read_as_excel_saves_it(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    [brief] = find_briefs([str(tmp_path / name)]).briefs
    assert (brief.name, brief.services) == ("Nord", ["Loaves", "Cakes"])


def test_a_table_in_another_encoding_is_refused_once_with_how_to_save_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(f"{BARE}\nSüd,{NORD[5:]}\nÖst,{NORD[5:]}".encode("cp1252"))
    [fault] = find_briefs([str(tmp_path / "a.csv")]).faulty
    assert fault.faults == ["line 2: not UTF-8 text; save it as UTF-8 (in Excel: CSV UTF-8)"]


@pytest.mark.parametrize("content", [BARE, f"{BARE}\n\n,,,,\n"])
def test_a_head_alone_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(Refused, match=r"a\.csv has no brief in it\. Nothing was spent\."):
        find_briefs([str(tmp_path / "a.csv")])


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "the file is empty"),
        (f"{BARE},name\n{NORD},x", "line 1: the columns 1 and 6 are both named name; rename or remove one"),
        (f"{BARE},NAME , Name\n{NORD},x", "line 1: the columns 1, 6 and 7 are both named name; rename or remove one"),
        ("Nord,nord.example,Bakery", "line 1: the first row must name the fields of a brief"),
        ('"name,domain\nNord,nord.example', "line 1: a quote opened in this row is never closed"),
    ],
)
def test_a_fault_of_the_head_is_said_once(tmp_path: Path, content: str, fault: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    [faulty] = find_briefs([str(tmp_path / "a.csv")]).faulty
    assert len(faulty.faults) == 1
    assert fault in faulty.faults[0]


def test_a_person_in_the_column_contact_is_a_fault_of_that_line_alone(tmp_path: Path) -> None:
    place = a_csv(
        tmp_path,
        f"{NORD},Ms Ash,ash@nord.example",
        "Sud,sud.example,Bakery,Neighbours,Loaves,,ben@sud.example",
        head=f"{BARE},contact,contact.email",
    )
    found = find_briefs([place])
    assert [(brief.slug, brief.contact.email) for brief in found.briefs] == [("sud", "ben@sud.example")]
    [fault] = found.faulty
    assert fault.source == f"{place}:2"
    assert fault.faults == [
        "line 2: contact: should be a group of fields; use the columns contact.email, contact.phone, contact.address, "
        "contact.hours (got 'Ms Ash')"
    ]


def test_a_number_that_a_spreadsheet_has_shortened_is_a_fault_of_its_row(tmp_path: Path) -> None:
    [fault] = find_briefs([a_csv(tmp_path, f"{NORD},4.92E+11", head=f"{BARE},contact.phone")]).faulty
    assert fault.faults == [
        "line 2: contact.phone: a spreadsheet turned a number into 4.92E+11; "
        "enter it again in a column formatted as text"
    ]


@pytest.mark.parametrize("head", [f"{BARE},name.first", f"name.first,{BARE}", f"{BARE},contact.email.x", f"{BARE},"])
def test_a_column_that_is_part_of_no_group_is_a_fault_where_it_has_a_value(tmp_path: Path, head: str) -> None:
    rows = [f"{NORD},", f"{NORD},x"] if head.startswith("name,") else [f",{NORD}", f"x,{NORD}"]
    found = find_briefs([a_csv(tmp_path, rows[0], rows[1].replace("nord", "sud"), head=head)])
    assert len(found.briefs) == len(found.faulty) == 1
    assert ("unknown field" in str(found.faulty[0])) or ("no name for it" in str(found.faulty[0]))


@pytest.mark.parametrize(
    ("cell", "services"),
    [
        ("Loaves\nCakes\r\nBuns", ["Loaves", "Cakes", "Buns"]),
        ("烏龍茶；紅茶；綠茶", ["烏龍茶", "紅茶", "綠茶"]),
        ("烏龍茶、紅茶、綠茶", ["烏龍茶", "紅茶", "綠茶"]),
        ("咖啡、茶；甜點", ["咖啡、茶", "甜點"]),
        ("手工麵包，每天現烤；甜點", ["手工麵包，每天現烤", "甜點"]),
        ("手工麵包，每天現烤；", ["手工麵包，每天現烤"]),
        ("Cakes for weddings, birthdays and christenings", ["Cakes for weddings, birthdays and christenings"]),
        (" ;Loaves;; ", ["Loaves"]),
    ],
)
def test_services_in_a_cell_are_separated_as_people_write_them(tmp_path: Path, cell: str, services: list[str]) -> None:
    [brief] = find_briefs([a_csv(tmp_path, f'Nord,nord.example,Bakery,Neighbours,"{cell}"', head=BARE)]).briefs
    assert brief.services == services


def test_commas_that_may_or_may_not_separate_services_are_a_fault(tmp_path: Path) -> None:
    [fault] = find_briefs([a_csv(tmp_path, "雲角,a.example,茶館,鄰居,烏龍茶，紅茶", head=BARE)]).faulty
    assert fault.faults == ["line 2: services: put ； between the entries, or after a single one (got '烏龍茶，紅茶')"]


def test_pages_keywords_and_colours_may_be_separated_by_commas(tmp_path: Path) -> None:
    head = f"{BARE},pages,keywords,brand_colours"
    line = f'{NORD},"Home, Contact","麵包，糕點","#1a2b3c, #223344"'
    [brief] = find_briefs([a_csv(tmp_path, line, head=head)]).briefs
    assert (brief.pages, brief.keywords, len(brief.brand_colours)) == (["Home", "Contact"], ["麵包", "糕點"], 2)


def test_empty_cells_beyond_the_head_do_no_harm(tmp_path: Path) -> None:
    assert slugs(a_csv(tmp_path, f"{NORD},,,", head=BARE)) == ["nord"]


def test_two_names_that_look_the_same_are_one_site(tmp_path: Path) -> None:
    found = find_briefs([a_csv(tmp_path, NORD, NORD.replace("Nord", "No\u200brd"), head=BARE)])
    assert [brief.name for brief in found.briefs] == ["Nord"]
    assert "another brief also has the slug nord" in str(found.faulty[0])


def test_an_odd_file_in_a_folder_is_a_fault_of_its_own(tmp_path: Path) -> None:
    a_file(tmp_path, "good")
    (tmp_path / "empty.yaml").touch()
    (tmp_path / "picture.yml").write_bytes(b"\x89PNG\r\n\x1a\n\0")
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "deep.JSON").write_text("[" * 10_000)
    (tmp_path / "._good.yaml").write_bytes(b"\0\5\26\7")
    os.mkfifo(tmp_path / "pipe.yaml")
    found = find_briefs([str(tmp_path)])
    assert [brief.slug for brief in found.briefs] == ["good"]
    assert {Path(fault.source).name: fault.faults[0].partition(" (")[0] for fault in found.faulty} == {
        "empty.yaml": "line 1: the file is empty",
        "picture.yml": "this is not text in UTF-8; if it should be, save it as UTF-8",
        "loop.yaml": "cannot be read: Too many levels of symbolic links",
        "gone.yaml": "file not found",
        "folder.yaml": "this is a folder, not a file",
        "deep.JSON": "line 1: more than 20 levels deep; is this the right file?",
    }


def test_a_place_that_no_file_can_have_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        find_briefs([str(tmp_path / ("x" * 300))])


@given(text=st.text(max_size=300))
def test_whatever_a_csv_file_holds_each_line_is_read_or_named(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("csv") / "sites.csv"
    path.write_text(text, "utf-8")
    try:
        found = find_briefs([str(path)])
    except Refused as refused:
        assert "has no brief in it" in str(refused)
        return
    assert all(brief.slug for brief in found.briefs)
    assert all(str(fault) for fault in found.faulty)


def test_the_brief_of_a_line_is_that_of_a_file(tmp_path: Path) -> None:
    brief = a_brief(keywords=["bread", "rye"])
    values = {**brief.model_dump(include={"name", "slug", "domain", "trade", "audience"}), "keywords": "bread;rye"}
    values["services"] = ";".join(brief.services)
    values["pages"] = ";".join(brief.pages)
    cells = [f'"{value}"' for value in values.values()]
    [read] = find_briefs([a_csv(tmp_path, ",".join(cells), head=",".join(values))]).briefs
    assert {name: getattr(read, name) for name in values} == {name: getattr(brief, name) for name in values}
