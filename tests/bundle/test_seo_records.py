import json

import pytest

from pressrun.brief import Contact, SiteBrief
from pressrun.bundle.layout import lay_out
from pressrun.bundle.seo import seo_records
from tests.bundle.builder import MADE_AT, make_site


def records(site):
    return seo_records(lay_out(site), made_at=MADE_AT)


def by_type(record, name):
    return next(node for node in record["json_ld"]["@graph"] if node["@type"] == name)


def test_every_page_and_article_has_one_record_with_its_own_url():
    found = records(make_site())
    assert [record["path"] for record in found][:5] == [
        "/",
        "/about/",
        "/services/",
        "/contact/",
        "/articles/keep-sourdough-fresh/",
    ]
    assert len(found) == 10
    assert len({record["canonical"] for record in found}) == 10
    assert all(record["url"] == f"https://harbour-bakery.example{record['path']}" for record in found)


def test_a_domain_with_a_sharp_s_is_itself_in_every_address():
    site = make_site()
    brief = SiteBrief.model_validate({**site.brief.model_dump(), "domain": "straße.example"})
    text = json.dumps(records(site.model_copy(update={"brief": brief})))
    assert "https://xn--strae-oqa.example/" in text
    assert "harbour-bakery.example/" not in text
    assert "strasse.example" not in text


def test_the_home_page_says_who_the_business_is():
    home = records(make_site())[0]
    business = by_type(home, "LocalBusiness")
    assert (business["name"], business["telephone"]) == ("Harbour Bakery", "+44 1326 555 0142")
    assert by_type(home, "WebPage")["about"] == {"@id": business["@id"]}
    assert home["open_graph"] == {
        "url": "https://harbour-bakery.example/",
        "locale": "en_GB",
        "site_name": "Harbour Bakery",
        "image": "https://harbour-bakery.example/images/image-01-loaves-on-a-quay-at-dawn.jpg",
        "image_width": 144,
        "image_height": 96,
        "image_alt": "Round loaves cooling on a rack, the harbour behind them in early light",
        "title": "Bread worth getting up for",
        "description": home["open_graph"]["description"],
        "type": "website",
    }


def test_without_an_address_the_business_is_an_organization():
    site = make_site()
    brief = site.brief.model_copy(update={"contact": Contact()})
    organization = by_type(records(site.model_copy(update={"brief": brief}))[0], "Organization")
    assert "telephone" not in organization


def test_an_article_is_a_blog_posting_by_the_business():
    article = records(make_site())[4]
    posting = by_type(article, "BlogPosting")
    assert posting["headline"] == "How to keep sourdough fresh for five days"
    assert (posting["datePublished"], posting["inLanguage"]) == ("2026-11-20T09:30:00+00:00", "en-GB")
    assert posting["author"]["@type"] == posting["publisher"]["@type"] == "Organization"
    assert posting["image"]["url"].startswith("https://harbour-bakery.example/images/image-08-")
    assert article["open_graph"]["type"] == "article"


def test_an_article_without_an_image_is_shared_with_the_home_pages_hero_but_does_not_claim_it():
    article = next(record for record in records(make_site()) if "choosing-flour" in record["path"])
    assert "image-01" in article["open_graph"]["image"]
    assert "image" not in by_type(article, "BlogPosting")


def test_without_images_nothing_points_to_one():
    assert "/images/" not in json.dumps(records(make_site(images={})))


def test_a_page_whose_meta_tags_are_missing_falls_back_and_says_so():
    site = make_site()
    left = {slug: seo for slug, seo in site.seo.items() if slug != "about"}
    home, about, *_ = records(site.model_copy(update={"seo": left}))
    assert (home["fallback"], about["fallback"]) == (False, True)
    assert about["title"] == "Three generations, one oven"


@pytest.mark.parametrize(
    ("language", "locale"), [("zh-TW", "zh_TW"), ("de", "de_DE"), ("en", "en_US"), ("zh-Hant-HK", "zh_HK")]
)
def test_the_locale_is_language_and_territory(language, locale):
    site = make_site()
    site = site.model_copy(update={"brief": site.brief.model_copy(update={"language": language})})
    assert records(site)[0]["open_graph"]["locale"] == locale


def test_a_domain_with_other_letters_is_written_in_ascii():
    site = make_site()
    site = site.model_copy(update={"brief": site.brief.model_copy(update={"domain": "bücher.example"})})
    assert records(site)[0]["url"] == "https://xn--bcher-kva.example/"
