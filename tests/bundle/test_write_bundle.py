import json
import unicodedata
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pressrun.bundle import write_bundle, writer
from pressrun.bundle.assemble import bundle_files
from pressrun.bundle.layout import DEVICE_NAMES
from pressrun.bundle.writer import check_name
from pressrun.manifest import manifest
from tests.bundle.builder import MADE_AT, draw, make_site, missing_article

MANIFEST = {"manifest.json": json.dumps(manifest(make_site(), [], [], run_id="run-1", made_at=MADE_AT))}

WISHES = st.one_of(
    st.text(max_size=200),
    st.sampled_from(
        ["", "..", "../../etc/passwd", "C:\\a", "CON", "con.txt", "aux", "Home", "HOME", "home ", "\x00", "a/b",
         "烏龍茶" * 100, "ß", "ss", "\u202egpj.exe", "x" * 300, "-", ".git", "index.html"]
    ),
)  # fmt: skip
"""What a model may call a page, an article or what is seen in an image."""


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def read(path: Path) -> object:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", ["en-GB", "zh-TW"])
def test_a_bundle_has_all_its_files(tmp_path, language):
    site = make_site(language)
    bundle = write_bundle(site, tmp_path, {"costs.csv": "step,usd\n", "chart.png": b"\x89PNG"}, made_at=MADE_AT)
    assert bundle == tmp_path / site.brief.slug
    found = names(bundle)
    images = {record["file"] for record in read(bundle / "images.json")}
    articles = {f"articles/{plan.slug}.md" for plan in site.config.articles}
    own = {"site.json", "seo.json", "images.json", "preview/index.html"}
    assert found == own | images | articles | {"costs.csv", "chart.png"}
    assert (len(images), len(articles)) == (13, 6)
    assert (bundle / "chart.png").read_bytes() == b"\x89PNG"


def test_site_json_is_a_neutral_record_of_everything(tmp_path):
    site = make_site(simulated=True, missing=[missing_article(4)], warnings=["look here"])
    record = read(write_bundle(site, tmp_path, {}, made_at=MADE_AT) / "site.json")
    assert record["generator"].startswith("pressrun ")
    assert record["made_at"] == "2026-11-20T09:30:00+00:00"
    assert (record["simulated"], record["ai_disclosure"], record["status"]) == (True, "generated", "draft")
    assert record["missing"] == [{"step": "articles", "item": "article-04", "reason": "refused twice by the model"}]
    assert record["warnings"] == ["look here"]
    assert record["brief"]["name"] == "Harbour Bakery"
    assert record["config"] == site.config.model_dump(mode="json")
    assert record["articles"][0]["file"] == "articles/keep-sourdough-fresh.md"


def test_images_json_tells_what_the_files_are(tmp_path):
    site = make_site("zh-TW")
    bundle = write_bundle(site, tmp_path, {}, made_at=MADE_AT)
    first, *_, last = read(bundle / "images.json")
    with Image.open(bundle / first["file"]) as image:
        assert (image.width, image.height, image.format) == (first["width"], first["height"], first["format"])
    assert (bundle / first["file"]).stat().st_size == first["bytes"]
    assert (first["role"], first["placed_on"]) == ("hero", {"kind": "page", "slug": "home"})
    assert first["alt"] == "晨霧中的層層茶園，遠處山稜若隱若現"
    assert first["source"] == "trainedAlgorithmicMedia"
    assert (last["placement"], last["placed_on"]) == ("不存在的頁面", None)


def test_a_simulated_image_is_not_called_a_trained_models_work(tmp_path):
    bundle = write_bundle(make_site(simulated=True), tmp_path, {}, made_at=MADE_AT)
    assert {record["source"] for record in read(bundle / "images.json")} == {"algorithmicMedia"}


def test_what_is_missing_is_simply_not_there(tmp_path):
    site = make_site()
    articles = {item: article for item, article in site.articles.items() if item != "article-04"}
    site = site.model_copy(update={"articles": articles, "images": {}, "missing": [missing_article(4)]})
    bundle = write_bundle(site, tmp_path, {}, made_at=MADE_AT)
    assert not (bundle / "images").exists()
    assert len(list((bundle / "articles").iterdir())) == 5


def test_json_pasted_into_a_script_element_cannot_end_it(tmp_path):
    site = make_site(warnings=["</script><script>alert(1)"])
    bundle = write_bundle(site, tmp_path, {}, made_at=MADE_AT)
    assert "<" not in (bundle / "site.json").read_text()
    assert read(bundle / "site.json")["warnings"] == ["</script><script>alert(1)"]


def test_the_same_site_makes_the_same_bytes(tmp_path):
    one, two = (write_bundle(make_site(), tmp_path / name, {}, made_at=MADE_AT) for name in "ab")
    assert names(one) == names(two)
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in names(one))


def test_writing_again_replaces_the_bundle(tmp_path):
    write_bundle(make_site(), tmp_path, {"old.txt": "x", **MANIFEST}, made_at=MADE_AT)
    bundle = write_bundle(make_site(images={"image-01": draw()}), tmp_path, MANIFEST, made_at=MADE_AT)
    assert [path.name for path in (bundle / "images").iterdir()] == ["image-01-loaves-on-a-quay-at-dawn.jpg"]
    assert not (bundle / "old.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["harbour-bakery"]


def test_a_crash_while_writing_leaves_the_old_bundle_whole(tmp_path, monkeypatch):
    bundle = write_bundle(make_site(), tmp_path, {"run.txt": "first", **MANIFEST}, made_at=MADE_AT)
    before = names(bundle)
    write_file = writer._write_file

    def fail(path: Path, data: bytes) -> None:
        if path.name == "index.html":
            raise OSError("disk full")
        write_file(path, data)

    monkeypatch.setattr(writer, "_write_file", fail)
    with pytest.raises(OSError, match="disk full"):
        write_bundle(make_site("en-GB", images={}), tmp_path, {"run.txt": "second", **MANIFEST}, made_at=MADE_AT)
    assert names(bundle) == before
    assert (bundle / "run.txt").read_text() == "first"


@pytest.mark.parametrize(
    "name",
    ["../x", "/x", "a/../x", "", "site.json", "Site.JSON", "images", "preview/index.html", "site.json/x", "articles"],
)
def test_an_extra_file_may_neither_leave_the_bundle_nor_replace_a_part_of_it(tmp_path, name):
    with pytest.raises(ValueError, match=r"not a file name|already has a file or folder"):
        write_bundle(make_site(), tmp_path, {name: "x"}, made_at=MADE_AT)
    assert list(tmp_path.iterdir()) == []


@given(st.lists(WISHES, min_size=1, max_size=4), st.lists(WISHES, min_size=1, max_size=4))
def test_whatever_a_model_names_things_every_file_has_a_name_that_any_system_takes(
    pages: list[str], articles: list[str]
) -> None:
    site = make_site()
    image = draw()
    config = site.config.model_copy(
        update={
            "pages": [site.config.pages[0].model_copy(update={"slug": name, "nav_label": name}) for name in pages],
            "articles": [site.config.articles[0].model_copy(update={"slug": name, "title": name}) for name in articles],
            "images": [
                site.config.images[0].model_copy(update={"subject": name, "placement": name}) for name in articles
            ],
        }
    )
    items = range(1, len(articles) + 1)
    site = site.model_copy(
        update={
            "config": config,
            "articles": {f"article-{item:02d}": site.articles["article-01"] for item in items},
            "images": {f"image-{item:02d}": image for item in items},
            "descriptions": {},
        }
    )
    names = list(bundle_files(site, made_at=MADE_AT))
    assert len(names) == 4 + 2 * len(articles)
    assert len({unicodedata.normalize("NFKC", name).casefold() for name in names}) == len(names)
    for part in {part for name in names for part in check_name(name).split("/")}:
        assert len(part.encode()) <= 255
        assert part.isascii() and not part.startswith((".", "-")) and not part.endswith((".", " "))
        assert part.split(".")[0] not in DEVICE_NAMES


def test_a_time_without_a_zone_is_refused(tmp_path):
    with pytest.raises(ValueError, match="time zone"):
        write_bundle(make_site(), tmp_path, {}, made_at=datetime(2026, 11, 20))
