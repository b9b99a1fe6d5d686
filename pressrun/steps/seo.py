"""Step 10: the meta tags of the site's pages (articles have their own).

Invariant: no two pages of a site have the same title or the same description.
"""

from typing import Any

from pydantic import Field

from pressrun.calls import Answer, Call, Endpoint, StepName
from pressrun.steps import checks
from pressrun.steps.base import InvalidReply, Order, Output, Parsed, Reading, Step, Wanted
from pressrun.steps.packing import item_calls, read_items

__all__ = ["STEP", "PageSeo"]


class PageSeo(Output):
    """The meta tags of one page."""

    title: str = Field(description="Title tag: 30-60 characters wide; a CJK character counts as two.")
    description: str = Field(description="Meta description: 120-160 wide; a CJK character counts as two.")
    og_title: str = Field(description="Open Graph title, for someone who sees it shared.")
    og_description: str = Field(description="Open Graph description, one sentence.")
    focus_keyword: str = Field(description="The one search term the page is for.")


TASK = """\
Write the meta tags of pages of the site, from the copy below, for {what}.

- title: what the page is, then who; 30 to 60 characters wide (a Chinese character counts as two). Not the headline.
- description: a complete sentence or two that a searcher would click, 120 to 160 wide, with the main search term in its
  natural place. Every page of the site must differ from the others.
- og_title and og_description: for someone who sees the page shared by a friend; conversational.
- focus_keyword: the one search term this page should be found by, which no other page of the site has.

{plans}"""

WANTED = Wanted(model=PageSeo, max_tokens=1_500, effort="none", repeats=True)


def calls(order: Order) -> list[Call]:
    """One call for all pages of the configuration, or one for each."""
    plans = {
        page.slug: {"number": number, **page.model_dump(mode="json")}
        for number, page in enumerate(order.config.pages, start=1)
    }
    return item_calls(order, StepName.SEO, plans, TASK, WANTED)


def parse(order: Order, call: Call, answer: Answer) -> Reading:
    """The meta tags; unusual widths are warnings. Raises `InvalidReply`."""
    return read_items(call, answer, PageSeo, lambda seo: _checked(order, seo))


def _checked(order: Order, seo: PageSeo) -> Parsed:
    faults = checks.text_faults([("title", seo.title), ("description", seo.description)], order.brief)
    if faults:
        raise InvalidReply(faults)
    warnings = checks.width_outside("title", seo.title, 30, 60)
    warnings += checks.width_outside("description", seo.description, 120, 160)
    return Parsed(content=seo, warnings=tuple(warnings))


def _alike(pages: dict[str, Any]) -> dict[str, list[str]]:
    titles = checks.duplicates({slug: seo.title for slug, seo in pages.items()}, "title")
    descriptions = checks.duplicates({slug: seo.description for slug, seo in pages.items()}, "description")
    return {slug: titles.get(slug, []) + descriptions.get(slug, []) for slug in {*titles, *descriptions}}


def _output_tokens(_order: Order) -> int:
    return 180


STEP = Step(
    name=StepName.SEO,
    title="10 SEO meta tags",
    endpoint=Endpoint.CHAT,
    calls=calls,
    parse=parse,
    output_tokens=_output_tokens,
    check_together=_alike,
)
