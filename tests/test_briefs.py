"""Briefs from folders, patterns and CSV files: each is read, or named with what is wrong."""

import json
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


@given(text=st.text(max_size=300))
def test_whatever_a_csv_file_holds_each_line_is_read_or_named(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("csv") / "sites.csv"
    path.write_text(text, "utf-8")
    found = find_briefs([str(path)])
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
