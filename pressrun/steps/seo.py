"""Step 10: the meta tags of the site's pages."""

from pydantic import Field

from pressrun.steps.config import Output


class PageSeo(Output):
    title: str = Field(description="Title tag: 30-60 characters wide; a CJK character counts as two.")
    description: str = Field(description="Meta description: 120-160 wide; a CJK character counts as two.")
    og_title: str = Field(description="Open Graph title, for someone who sees it shared.")
    og_description: str = Field(description="Open Graph description, one sentence.")
    focus_keyword: str = Field(description="The one search term the page is for.")
