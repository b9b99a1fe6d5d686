"""Where a person finds a site: at an address where the folder is served, otherwise on disk."""

from markdown_it import MarkdownIt

from pressrun.links import links_to, show_links


def test_a_served_site_has_addresses() -> None:
    links = links_to("/srv/sites/cafe", "https://sites.agency.example/previews/")
    assert links.served
    assert links.preview == "https://sites.agency.example/previews/cafe/preview/index.html"
    assert links.bundle == "https://sites.agency.example/previews/cafe/"
    assert links.report == "https://sites.agency.example/previews/cafe/costs.html"
    page = MarkdownIt().render(show_links(links))
    assert f'<a href="{links.preview}">Preview</a>' in page
    assert f'<a href="{links.report}">Cost report</a>' in page


def test_a_site_that_is_not_served_has_paths_that_mean_nothing_but_themselves() -> None:
    links = links_to("/srv/[a](b) *x*/cafe", None)
    assert not links.served
    assert links.report == "/srv/[a](b) *x*/cafe/costs.html"
    assert "<li>Preview: /srv/[a](b) *x*/cafe/preview/index.html</li>" in MarkdownIt().render(show_links(links))
