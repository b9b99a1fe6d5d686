"""Step 09: the articles, each with its own SEO title and description so that no second wave of calls is needed.

Invariant: an article that parses is long enough, has no artifacts of a model, and is in the ordered language.
"""

from typing import Any

from pydantic import Field

from pressrun.calls import Answer, Call, Endpoint, StepName
from pressrun.steps import checks, prompts
from pressrun.steps.base import (
    InvalidReply,
    Order,
    Output,
    Parsed,
    Reading,
    Step,
    Wanted,
    chat_call,
    parse_chat,
    reading,
)
from pressrun.steps.config import Section, article_item

__all__ = ["STEP", "Article"]

WORDS = (900, 1_300)
"""Ordered length of an article in words; Chinese is ordered in characters, `CJK_CHARACTERS`."""
CJK_CHARACTERS = (1_400, 2_000)
LEAST_SHARE = 0.35
"""Below this share of the ordered minimum a text is refused; between the share and the minimum it gets a warning."""


class Article(Output):
    """One finished article."""

    title: str = Field(description="The headline as readers see it.")
    summary: str = Field(description="Two sentences for lists and cards.")
    intro: str = Field(description="One or two paragraphs of Markdown that answer the reader's question.")
    sections: list[Section] = Field(description="The body, a section for each heading of the outline.")
    conclusion: str = Field(description="A closing paragraph with one thing for the reader to do.")
    seo_title: str = Field(description="For the title tag: 30-60 characters wide; a CJK character counts as two.")
    seo_description: str = Field(description="For the meta description: 120-160 wide; a CJK character counts as two.")
    tags: list[str] = Field(description="Two to five topics.")

    @property
    def text(self) -> str:
        """All text for readers, in order."""
        body = [part for section in self.sections for part in (section.heading, section.body)]
        return "\n\n".join([self.intro, *body, self.conclusion])


TASK = """\
Write article {number} of the site, from the plan below.

- Length: {least} to {most} {unit}, all parts together.
- The intro answers the reader's question in its first two sentences; the rest earns the detail.
- One section for each heading of the outline (improve the wording if you can), each with at least two paragraphs.
  Where steps or choices are compared, use a Markdown list. Bold at most one phrase a section.
- Mention the business where it has something to say, not in every section. The other articles are listed in <site>: do
  not repeat them.
- The conclusion names one thing the reader can do today.
- The SEO title and description are for a search result: concrete, complete, none cut off, different from the headline.

{item}"""


WANTED = Wanted(model=Article, max_tokens=8_000, effort="low", repeats=True)


def calls(order: Order) -> list[Call]:
    """One call per article plan."""
    (least, most), unit = (CJK_CHARACTERS, "Chinese characters") if order.brief.is_chinese else (WORDS, "words")
    return [
        chat_call(
            order,
            StepName.ARTICLES,
            article_item(number),
            TASK.format(
                number=number,
                least=least,
                most=most,
                unit=unit,
                item=prompts.data("item", {"number": number, **plan.model_dump(mode="json")}),
            ),
            WANTED,
        )
        for number, plan in enumerate(order.config.articles, start=1)
    ]


def parse(order: Order, call: Call, answer: Answer) -> Reading:
    """The article, with length, language and debris checked. Raises `InvalidReply`."""
    article = parse_chat(answer, Article)
    least = (CJK_CHARACTERS if order.brief.is_chinese else WORDS)[0]
    faults = checks.text_faults(
        [("title", article.title), ("summary", article.summary), ("text", article.text)], order.brief
    )
    faults += [f"text {fault}" for fault in checks.too_short(article.text, int(least * LEAST_SHARE))]
    faults += [f"{name} is empty" for name in ("seo_title", "seo_description") if not getattr(article, name)]
    if faults:
        raise InvalidReply(faults)
    warnings = [f"text {fault}" for fault in checks.too_short(article.text, least)]
    warnings += checks.width_outside("SEO title", article.seo_title, 30, 60)
    warnings += checks.width_outside("SEO description", article.seo_description, 120, 160)
    return reading(call, Parsed(content=article, warnings=tuple(warnings)))


def _alike(articles: dict[str, Any]) -> dict[str, list[str]]:
    return checks.duplicates({item: article.title for item, article in articles.items()}, "title")


def _output_tokens(order: Order) -> int:
    """Text at about 1.35 tokens a word (Chinese: 0.95 a character), its JSON, and some reasoning."""
    return 2_900 if order.brief.is_chinese else 2_300


STEP = Step(
    name=StepName.ARTICLES,
    title="09 articles",
    endpoint=Endpoint.CHAT,
    calls=calls,
    parse=parse,
    output_tokens=_output_tokens,
    check_together=_alike,
)
