"""`SiteBrief`: the result of the client's interview, from which a whole site is built.

Invariant: a brief that loads is good enough to spend money on; every fault is reported when it is loaded.
"""

import re
import unicodedata
from pathlib import Path
from typing import Annotated, Any

import langcodes
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from slugify import slugify

from pressrun.files import load_model
from pressrun.forms import empty_box, in_order, shown

__all__ = ["Contact", "SiteBrief", "load_brief"]

DOMAIN = re.compile(
    r"(?=.{4,253}$)"  # total length, in ASCII form (RFC 1035)
    r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+"
    r"(?=.*[a-z])[a-z0-9][a-z0-9-]{0,61}[a-z0-9]"  # a top-level domain of digits only would be an IP address
)
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")


def _language(tag: str) -> str:
    """A tag of a written language; private-use and extended tags are refused, because typos look like them."""
    try:
        language = langcodes.Language.get(tag)
    except ValueError:  # langcodes' LanguageTagError
        language = langcodes.Language.get("und")
    if not language.is_valid() or language.extlangs or language.private or len(language.language or "") not in (2, 3):
        raise ValueError("not a BCP 47 language tag such as en-GB or zh-TW")
    return language.to_tag()


def _colour(value: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise ValueError("not a colour of the form #1a2b3c")
    return value.lower()


def _domain(value: str) -> str:
    """The domain as people write it: without scheme, in lower case, and in Unicode instead of `xn--`."""
    domain = value.strip().lower().removeprefix("https://").removeprefix("http://").rstrip("/")
    try:
        ascii_domain = domain.encode("idna").decode()
        readable = ascii_domain.encode().decode("idna")
    except UnicodeError:
        ascii_domain = readable = ""
    if not DOMAIN.fullmatch(ascii_domain):
        raise ValueError("not a domain name such as harbour-bakery.example")
    return readable


def _email(value: str) -> str:
    if not re.fullmatch(r"[^@\s<>\"]+@[^@\s<>\"]+\.[^@\s<>\".]+", value):
        raise ValueError("not an e-mail address such as hello@harbour-bakery.example")
    return value


def _printable(value: str) -> str:
    """Refuse characters that neither XML nor a terminal can handle; line ends and tabs are allowed."""
    if bad := UNPRINTABLE.search(value):
        raise ValueError(f"contains an unprintable character (U+{ord(bad[0]):04X})")
    return value


def _differ(values: list[str]) -> list[str]:
    seen: set[str] = set()
    for value in values:
        if value.casefold() in seen:
            raise ValueError(f"entries must be unique; {value!r} occurs twice")
        seen.add(value.casefold())
    return values


def _slug(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value):
        raise ValueError("use only a-z, 0-9 and single dashes, such as harbour-bakery")
    return value


def _is_latin(name: str) -> bool:
    return all(unicodedata.name(letter, "").startswith("LATIN") for letter in name if letter.isalpha())


def _slugify(text: str) -> str:
    return slugify(text, max_length=40, word_boundary=True)


Text = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_printable)]
ContactText = Annotated[str, Field(max_length=300), AfterValidator(_printable)]
Email = Annotated[str, Field(max_length=200, json_schema_extra={"pattern": "@"}), AfterValidator(_email)]
Language = Annotated[str, AfterValidator(_language)]
Colour = Annotated[str, Field(json_schema_extra={"pattern": "#[0-9a-fA-F]{6}"}), AfterValidator(_colour)]
Domain = Annotated[str, AfterValidator(_domain)]
Client = Annotated[str, Field(max_length=60), AfterValidator(_printable)]
Slug = Annotated[str, Field(max_length=40), AfterValidator(_slug)]

PAGES = ["Home", "About", "Services", "Contact"]
FORM = (
    *("name", "domain", "trade", "audience", "services"),
    *("language", "tone", "pages", "article_count", "image_count", "contact", "brand_colours", "keywords", "notes"),
    *("client", "slug"),
)
"""The order of the fields in a form, required ones first."""


class BriefModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, data: Any) -> Any:
        """People leave template lines empty (`hours:`), and forms send null; both mean the field is absent."""
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}


class Contact(BriefModel):
    """How the site's visitors reach the client. Details left empty do not appear on the site."""

    email: Email | None = Field(None, json_schema_extra=empty_box(title="E-mail"))
    phone: ContactText | None = Field(
        None, description="As shown on the site, such as +44 1632 960142.", json_schema_extra=empty_box()
    )
    address: ContactText | None = Field(None, json_schema_extra=empty_box())
    hours: ContactText | None = Field(
        None, title="Opening hours", description="As shown on the site.", json_schema_extra=empty_box()
    )


class SiteBrief(BriefModel):
    """One client's site. Only what nobody but the client can know is required."""

    model_config = ConfigDict(title="Site", json_schema_extra=in_order(*FORM))

    name: Text = Field(
        title="Business", description="Name of the business as shown on the site, such as Harbour Bakery."
    )
    slug: Slug = Field(
        "",
        title="Short name",
        description="Name of the site's folder and runs, such as harbour-bakery. Empty: derived from the business.",
        json_schema_extra=shown(pattern="^[a-z0-9-]*$"),
    )
    domain: Domain = Field(
        title="Domain",
        description="The site's domain, such as harbour-bakery.example.",
        json_schema_extra=shown(pattern="[.。．｡]"),
    )
    trade: Text = Field(
        title="Trade", description="What the business does, in a few words, such as Sourdough bakery and cafe."
    )
    language: Language = Field(
        "en",
        title="Language",
        description="The site's language code: en-GB, de, fr, zh-TW.",
        json_schema_extra=shown(pattern="^ *[A-Za-z]{1,3}([-_]| *$)"),
    )
    audience: Text = Field(
        title="Audience", description="Who the site is for, such as Neighbours and weekend visitors."
    )
    tone: Text = Field("warm, plain and expert", title="Tone", description="How the site should sound.")
    services: list[Text] = Field(
        title="Services", min_length=1, max_length=30, description="What the business offers, one per item, 1 to 30."
    )
    keywords: list[Text] = Field(
        default_factory=list, title="Search terms", max_length=50, description="What people search for, at most 50."
    )
    contact: Contact = Field(default_factory=Contact, title="Contact")
    brand_colours: list[Colour] = Field(
        default_factory=list,
        title="Brand colours",
        max_length=6,
        description="At most 6, such as #1a2b3c. Empty: chosen automatically.",
    )
    pages: Annotated[list[Text], AfterValidator(_differ)] = Field(
        default_factory=lambda: list(PAGES),
        title="Pages",
        min_length=1,
        max_length=12,
        description="The pages besides the articles, 1 to 12, without duplicates. The first is the home page.",
        json_schema_extra=shown(default=PAGES),
    )
    article_count: int = Field(6, ge=6, le=9, title="Articles", description="How many, 6 to 9.")
    image_count: int = Field(13, ge=1, le=40, title="Images", description="How many, 1 to 40.")
    notes: Annotated[str, Field(max_length=4000), AfterValidator(_printable)] = Field(
        "", title="Notes", description="Anything else the writers should know, at most 4000 characters."
    )
    client: Client | None = Field(
        None,
        title="Client",
        description="Your own name or number for the client, used as a run tag. It is not sent to any model.",
        json_schema_extra=empty_box(),
    )

    @model_validator(mode="before")
    @classmethod
    def _slug_from_name(cls, data: Any) -> Any:
        """Derive an empty slug from a name in Latin letters, otherwise from the domain."""
        if not isinstance(data, dict) or data.get("slug"):
            return data
        name, domain = str(data.get("name") or ""), str(data.get("domain") or "")
        label = domain.strip().lower().split("//")[-1].removeprefix("www.").split(".")[0]
        source = name if _is_latin(name) else label
        return {**data, "slug": _slugify(source) or _slugify(label) or "site"}

    @property
    def is_chinese(self) -> bool:
        return langcodes.Language.get(self.language).language == "zh"

    @property
    def is_traditional_chinese(self) -> bool:
        """Whether the site's script is Traditional Chinese (zh-TW, zh-HK, zh-Hant...)."""
        return self.is_chinese and langcodes.Language.get(self.language).maximize().script == "Hant"


def load_brief(path: Path) -> SiteBrief:
    """Read one brief file (YAML or JSON). Raises `BadBrief` with every fault and its line."""
    return load_model(path, SiteBrief)
