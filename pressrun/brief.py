"""`SiteBrief`: the result of the client's interview, from which a whole site is built.

Invariant: a brief that loads is good enough to spend money on; every fault is reported when it is loaded.
"""

import re
import unicodedata
from pathlib import Path
from typing import Annotated, Any

import idna
import langcodes
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from slugify import slugify

from pressrun.files import load_model
from pressrun.forms import empty_box, in_order, shown
from pressrun.untrusted import clean, clean_name

__all__ = ["Contact", "SiteBrief", "load_brief"]

DOMAIN = re.compile(
    r"(?=.{4,253}$)"  # total length, in ASCII form (RFC 1035)
    r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+"
    r"(?=.*[a-z])[a-z0-9][a-z0-9-]{0,61}[a-z0-9]"  # a top-level domain of digits only would be an IP address
)
LONGEST_DOMAIN = 1_000
"""Characters in any form; no longer text is tried."""
LONGEST_TAG = 35
"""Characters of a language tag (RFC 5646, section 4.4.1)."""
LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
"""Line ends besides LF: Windows, Word's manual line break and page break, Unicode."""


def _language(tag: str) -> str:
    """A tag of a written language; private-use and extended tags are refused, because typos look like them."""
    try:
        language = langcodes.Language.get(tag if len(tag) <= LONGEST_TAG else "und")
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
    """The domain as people write it: without scheme, in lower case, and in Unicode instead of `xn--`.

    IDNA 2008 (RFC 5891) after the mapping of Unicode TR46, as browsers and registries have it: `ß` stays `ß`.
    """
    domain = value.strip().lower().removeprefix("https://").removeprefix("http://").rstrip("/")
    try:
        ascii_domain = _ascii(domain) if len(domain) <= LONGEST_DOMAIN else ""
    except UnicodeError:
        ascii_domain = ""
    if not DOMAIN.fullmatch(ascii_domain):
        raise ValueError("not a domain name such as harbour-bakery.example")
    return idna.decode(ascii_domain)


def _ascii(domain: str) -> str:
    """The form in addresses (`xn--`), without the dot of the root. Raises `UnicodeError` (idna's `IDNAError`)."""
    return idna.encode(domain, uts46=True, std3_rules=True).decode().removesuffix(".")


def _email(value: str) -> str:
    """The address in its normal form. Nothing is looked up: the client's domain may not exist yet."""
    try:
        return validate_email(value, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        raise ValueError("not an e-mail address such as hello@harbour-bakery.example") from None


def _prose(value: Any) -> Any:
    """Text without what neither XML nor a terminal can handle; a line end is a line end in any spelling."""
    return clean(LINE_END.sub("\n", value)) if isinstance(value, str) else value


def _line(value: Any) -> Any:
    """Prose on one line."""
    return " ".join(_prose(value).split()) if isinstance(value, str) else value


def _name(value: Any) -> Any:
    """A name without invisible characters and in one spelling (NFC), so that what looks the same is the same."""
    return unicodedata.normalize("NFC", clean_name(_line(value))) if isinstance(value, str) else value


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


def _label(domain: str) -> str:
    """The first part of a domain, which need not be valid."""
    try:
        readable = _domain(domain)
    except ValueError:
        readable = domain.lower().split("//")[-1]
    return readable.removeprefix("www.").split(".")[0]


def _slugify(text: str) -> str:
    return slugify(text, max_length=40, word_boundary=True)


Text = Annotated[str, Field(min_length=1, max_length=300), BeforeValidator(_line)]
Name = Annotated[str, Field(min_length=1, max_length=300), BeforeValidator(_name)]
ContactText = Annotated[str, Field(max_length=300), BeforeValidator(_prose)]
Email = Annotated[str, Field(max_length=200, json_schema_extra={"pattern": "@"}), AfterValidator(_email)]
Language = Annotated[str, AfterValidator(_language)]
Colour = Annotated[str, Field(json_schema_extra={"pattern": "#[0-9a-fA-F]{6}"}), AfterValidator(_colour)]
Domain = Annotated[str, AfterValidator(_domain)]
Client = Annotated[str, Field(max_length=60), BeforeValidator(_name)]
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

    name: Name = Field(
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
    pages: Annotated[list[Name], AfterValidator(_differ)] = Field(
        default_factory=lambda: list(PAGES),
        title="Pages",
        min_length=1,
        max_length=12,
        description="The pages besides the articles, 1 to 12, without duplicates. The first is the home page.",
        json_schema_extra=shown(default=PAGES),
    )
    article_count: int = Field(6, ge=6, le=9, title="Articles", description="How many, 6 to 9.")
    image_count: int = Field(13, ge=1, le=40, title="Images", description="How many, 1 to 40.")
    notes: Annotated[str, Field(max_length=4000), BeforeValidator(_prose)] = Field(
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
        name, domain = (_name(str(data.get(field) or "")[:300]) for field in ("name", "domain"))
        label = _label(domain)
        source = name if _is_latin(name) else label
        return {**data, "slug": _slugify(source) or _slugify(label) or "site"}

    @property
    def host(self) -> str:
        """The domain as in addresses, in ASCII (`xn--`)."""
        return _ascii(self.domain)

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
