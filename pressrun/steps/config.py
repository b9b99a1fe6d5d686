"""Step 08: the site's configuration, from which every other step works.

Invariant: a `SiteConfig` that parses has exactly the articles and images that the brief ordered, and page slugs
that are unique; so the number of calls of the later steps is known before any of them is made.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Output(BaseModel):
    """Base of what models write: immutable once parsed; field descriptions are read by the model."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Palette(Output):
    primary: str = Field(description="Main brand colour, #rrggbb.")
    secondary: str = Field(description="Supporting colour, #rrggbb.")
    accent: str = Field(description="Colour of buttons and links, #rrggbb.")
    background: str = Field(description="Page background, #rrggbb.")
    text: str = Field(description="Body text, #rrggbb, at least 4.5:1 against the background.")


class Section(Output):
    heading: str = Field(description="A heading that says something, without markup.")
    body: str = Field(description="Two or more paragraphs in Markdown, separated by blank lines; no headings, no HTML.")


class Page(Output):
    slug: str = Field(description="Latin lower case and dashes, such as about-us.")
    kind: Literal["home", "about", "services", "contact", "faq", "other"]
    nav_label: str = Field(description="At most three words for the menu.")
    headline: str = Field(description="The page's main heading.")
    intro: str = Field(description="One or two sentences under the headline.")
    sections: list[Section] = Field(description="Two to four sections of finished copy.")
    call_to_action: str = Field(description="The words on the page's button.")


class ArticlePlan(Output):
    title: str = Field(description="Working title; no two articles alike.")
    slug: str = Field(description="Latin lower case and dashes, at most 60 characters.")
    angle: str = Field(description="What this article says that the others do not.")
    reader_question: str = Field(description="The question that a reader typed before finding it.")
    keywords: list[str] = Field(description="One main search term first, then two to four others.")
    outline: list[str] = Field(description="Four to six section headings, in order.")


class ImagePlan(Output):
    placement: str = Field(description="Slug of the page or of the article that the image belongs to.")
    role: Literal["hero", "article", "section", "portrait", "detail", "background"]
    orientation: Literal["landscape", "square", "portrait"]
    subject: str = Field(description="What is seen, in at most twelve words.")
    prompt: str = Field(description="Full prompt in English for an image model: subject, setting, light, lens, mood.")


class SiteConfig(Output):
    """Everything the later steps need to know of the site."""

    site_name: str
    tagline: str = Field(description="At most ten words.")
    description: str = Field(description="What the business is and for whom, in two sentences.")
    voice: str = Field(description="Three sentences of guidance for the writers: person, rhythm, words to avoid.")
    palette: Palette
    pages: list[Page]
    articles: list[ArticlePlan]
    images: list[ImagePlan]
