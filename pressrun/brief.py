"""`SiteBrief`: what the client's interview gave, from which a whole site is made.

Invariant: a brief that loads is fit to spend money on; whatever is wrong with it was said before.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Self

import langcodes
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from slugify import slugify

from pressrun.files import load_model

__all__ = ["Contact", "SiteBrief", "load_brief"]


def _language(tag: str) -> str:
    try:
        valid = langcodes.tag_is_valid(tag)
    except langcodes.LanguageTagError:
        valid = False
    if not valid:
        raise ValueError("not a BCP 47 language tag such as en-GB or zh-TW")
    return langcodes.standardize_tag(tag)


def _colour(value: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise ValueError("not a colour of the form #1a2b3c")
    return value.lower()


def _domain(value: str) -> str:
    domain = value.strip().lower().removeprefix("https://").removeprefix("http://").rstrip("/")
    try:
        ascii_domain = domain.encode("idna").decode()
    except UnicodeError:
        ascii_domain = ""
    if not re.fullmatch(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", ascii_domain):
        raise ValueError("not a domain name such as harbour-bakery.example")
    return domain


def _slug(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value):
        raise ValueError("only a-z, 0-9 and single dashes, such as harbour-bakery")
    return value


Text = Annotated[str, Field(min_length=1, max_length=300)]
Language = Annotated[str, AfterValidator(_language)]
Colour = Annotated[str, BeforeValidator(str), AfterValidator(_colour)]
Domain = Annotated[str, AfterValidator(_domain)]
Slug = Annotated[str, Field(max_length=40), AfterValidator(_slug)]


class BriefModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Contact(BriefModel):
    """How the site's visitors reach the client; whatever is left out is left out of the site too."""

    email: str | None = Field(None, max_length=200)
    phone: str | None = Field(None, max_length=60, description="As it should be shown, such as +44 1326 555 0142.")
    address: str | None = Field(None, max_length=300)
    hours: str | None = Field(None, max_length=300, description="Opening hours, as they should be shown.")


class SiteBrief(BriefModel):
    """One client's site, as the interview left it. Only what only the client can know is required."""

    name: Text = Field(title="Client", description="The business's name, as it should be shown.")
    slug: Slug = Field("", title="Slug", description="Folder and run name; made from the name (or domain) when empty.")
    domain: Domain = Field(title="Domain", description="Where the site will live, such as harbour-bakery.example.")
    trade: Text = Field(title="Trade", description="What the business does, in a few words.")
    language: Language = Field("en", title="Language", description="BCP 47 tag, such as en-GB, de or zh-TW.")
    audience: Text = Field(title="Audience", description="Who the site is for.")
    tone: Text = Field("warm, plain and expert", title="Tone", description="How the site should sound.")
    services: list[Text] = Field(
        title="Services", min_length=1, max_length=30, description="What the business offers, 1 to 30."
    )
    keywords: list[Text] = Field(
        default_factory=list, title="Keywords", max_length=50, description="Search terms that matter, at most 50."
    )
    contact: Contact = Field(default_factory=Contact, title="Contact")  # type: ignore[arg-type]
    brand_colours: list[Colour] = Field(
        default_factory=list, title="Brand colours", max_length=6, description="At most 6, such as #1a2b3c."
    )
    pages: list[Text] = Field(
        default_factory=lambda: ["Home", "About", "Services", "Contact"],
        title="Pages wanted",
        min_length=1,
        max_length=12,
        description="The pages beside the articles, 1 to 12; the first is the home page.",
    )
    article_count: int = Field(6, ge=6, le=9, title="Articles", description="How many articles, 6 to 9.")
    image_count: int = Field(13, ge=1, le=40, title="Images", description="How many images, 1 to 40.")
    notes: str = Field("", title="Notes", max_length=4000, description="Anything else the writers should know.")

    @model_validator(mode="before")
    @classmethod
    def _slug_from_name(cls, data: Any) -> Any:
        """An empty slug is made from the name, or from the domain when the name has no Latin reading worth having."""
        if not isinstance(data, dict) or data.get("slug"):
            return data
        name, domain = str(data.get("name") or ""), str(data.get("domain") or "")
        source = name if name.isascii() else domain.split("//")[-1].split(".")[0]
        return {**data, "slug": slugify(source, max_length=40, word_boundary=True) or "site"}

    @model_validator(mode="after")
    def _pages_differ(self) -> Self:
        seen = {page.casefold() for page in self.pages}
        if len(seen) < len(self.pages):
            raise ValueError("pages: each page may be named once")
        return self

    @property
    def is_chinese(self) -> bool:
        return langcodes.Language.get(self.language).language == "zh"

    @property
    def is_traditional_chinese(self) -> bool:
        """Whether the site is to be written in the Traditional script (zh-TW, zh-HK, zh-Hant...)."""
        return self.is_chinese and langcodes.Language.get(self.language).maximize().script == "Hant"


def load_brief(path: Path) -> SiteBrief:
    """Read one brief file (YAML or JSON). Raises `BadBrief` with every fault and its line."""
    return load_model(path, SiteBrief)
