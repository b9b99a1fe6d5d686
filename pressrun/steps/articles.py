"""Step 09: the articles, each with its own SEO title and description so that no second wave of calls is needed."""

from pydantic import Field

from pressrun.steps.config import Output, Section


class Article(Output):
    title: str = Field(description="The headline as readers see it.")
    summary: str = Field(description="Two sentences for lists and cards.")
    intro: str = Field(description="The opening, one or two paragraphs of Markdown, that answers the reader's question.")
    sections: list[Section] = Field(description="The body, a section for each heading of the outline.")
    conclusion: str = Field(description="A closing paragraph with one thing for the reader to do.")
    seo_title: str = Field(description="For the title tag: 30-60 characters wide; a CJK character counts as two.")
    seo_description: str = Field(description="For the meta description: 120-160 wide; a CJK character counts as two.")
    tags: list[str] = Field(description="Two to five topics.")
