import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.bundle.layout import lay_out, unique_slugs
from pressrun.site import Site
from pressrun.steps.config import ImagePlan
from tests.bundle.builder import draw, make_site


def with_placement(site: Site, placement: str, role: str = "section") -> Site:
    """The site with its last image placed elsewhere."""
    plan = site.config.images[-1].model_copy(update={"placement": placement, "role": role})
    config = site.config.model_copy(update={"images": [*site.config.images[:-1], plan]})
    return site.model_copy(update={"config": config})


@given(st.lists(st.text(max_size=80), max_size=12))
def test_slugs_are_safe_and_unique_whatever_was_wished_for(wishes):
    slugs = unique_slugs(wishes, "page")
    assert len(set(slugs)) == len(wishes)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug) and len(slug) <= 64 for slug in slugs)


@pytest.mark.parametrize(
    ("wishes", "slugs"),
    [
        (["a", "a", "A!", "a-2"], ["a", "a-2", "a-3", "a-2-2"]),
        (["", "...", "../../etc/passwd"], ["page", "page-2", "etc-passwd"]),
        (["con", "aux"], ["con-2", "aux-2"]),
        (["高山茶"], ["gao-shan-cha"]),
    ],
)
def test_slugs_that_clash_or_say_nothing_get_a_number(wishes, slugs):
    assert unique_slugs(wishes, "page") == slugs


def test_a_chinese_article_goes_by_its_plans_latin_slug():
    assert lay_out(make_site("zh-TW")).articles[0].slug == "brew-high-mountain-oolong"


def test_the_first_page_leads_with_its_first_hero():
    layout = lay_out(make_site())
    assert layout.pages[0].lead.item == "image-01"
    assert [picture.item for picture in layout.pages[0].others] == ["image-02", "image-03"]


def test_a_page_without_a_hero_leads_with_what_is_placed_on_it():
    services = lay_out(make_site()).pages[2]
    assert (services.lead.item, services.others) == ("image-06", ())


@pytest.mark.parametrize(
    ("placement", "kind", "slug"),
    [
        ("about", "page", "about"),
        ("/about/", "page", "about"),
        ("About", "page", "about"),
        ("articles/choosing-flour", "article", "choosing-flour"),
        ("choosing-flour", "article", "choosing-flour"),
    ],
)
def test_a_placement_names_a_page_or_an_article(placement, kind, slug):
    host = lay_out(with_placement(make_site(), placement)).pictures["image-13"].host
    assert (host.kind, host.slug) == (kind, slug)


def test_a_placement_may_name_the_kind_of_a_page():
    assert lay_out(with_placement(make_site("zh-TW"), "services")).pictures["image-13"].host.slug == "courses"


@pytest.mark.parametrize("placement", ["", "nowhere", "../../etc/passwd", "<script>", "不存在"])
def test_an_image_placed_nowhere_is_kept_and_told(placement):
    layout = lay_out(with_placement(make_site(), placement))
    assert layout.pictures["image-13"].host is None
    assert any(warning.startswith("image-13: its placement") for warning in layout.warnings)


def test_when_a_page_and_an_article_share_a_slug_the_images_role_decides():
    site = make_site()
    plans = [site.config.articles[0].model_copy(update={"slug": "about"}), *site.config.articles[1:]]
    site = site.model_copy(update={"config": site.config.model_copy(update={"articles": plans})})
    kinds = [
        lay_out(with_placement(site, "about", role)).pictures["image-13"].host.kind for role in ("article", "hero")
    ]
    assert kinds == ["article", "page"]


def test_an_article_that_was_not_written_is_not_there_and_the_others_keep_their_names():
    site = make_site()
    left = {item: article for item, article in site.articles.items() if item != "article-01"}
    slugs = [placed.slug for placed in lay_out(site.model_copy(update={"articles": left})).articles]
    assert slugs == [plan.slug for plan in site.config.articles[1:]]


@pytest.mark.parametrize("data", [b"", b"not an image", draw()[:400], b"<svg onload='alert(1)'/>"])
def test_an_image_that_cannot_be_decoded_is_left_out_and_told(data):
    site = make_site()
    layout = lay_out(site.model_copy(update={"images": {**site.images, "image-05": data}}))
    assert "image-05" not in layout.pictures
    assert len(layout.pictures) == 12
    assert layout.warnings == ("image-05: not a complete JPEG, PNG or WebP image; left out",)


def test_an_image_without_a_plan_is_left_out_and_told():
    site = make_site()
    layout = lay_out(site.model_copy(update={"images": {**site.images, "../evil": draw()}}))
    assert layout.warnings == ("../evil: image without a plan; left out",)


@pytest.mark.parametrize(("kind", "extension"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")])
def test_a_files_extension_is_what_its_bytes_are(kind, extension):
    site = make_site(images={"image-01": draw(kind=kind)})
    picture = lay_out(site).pictures["image-01"]
    assert picture.file == f"image-01-loaves-on-a-quay-at-dawn.{extension}"
    assert (picture.format, picture.width, picture.height) == (kind, 144, 96)


def test_a_subject_names_no_path_and_may_be_empty():
    site = make_site(images={"image-01": draw()})
    plan: ImagePlan = site.config.images[0]
    for subject, file in [("../../etc/x", "image-01-etc-x.jpg"), ("", "image-01.jpg"), ("茶", "image-01-cha.jpg")]:
        config = site.config.model_copy(update={"images": [plan.model_copy(update={"subject": subject})]})
        assert lay_out(site.model_copy(update={"config": config})).pictures["image-01"].file == file


def test_an_image_without_a_description_is_described_by_its_subject():
    picture = lay_out(make_site(descriptions={})).pictures["image-01"]
    assert (picture.alt, picture.caption) == ("Loaves on a quay at dawn", "")


def test_a_site_without_pages_is_refused():
    site = make_site()
    with pytest.raises(ValueError, match="at least one page"):
        lay_out(site.model_copy(update={"config": site.config.model_copy(update={"pages": []})}))
