"""`Site`: all that has been made for one brief, as the bundle delivers it.

Invariant: whatever was ordered is either here or in `missing`.
"""

from pydantic import Field

from pressrun.brief import SiteBrief
from pressrun.calls import Frozen, MissingItem
from pressrun.steps.articles import Article
from pressrun.steps.config import SiteConfig
from pressrun.steps.descriptions import ImageDescription
from pressrun.steps.review import ImageReview
from pressrun.steps.seo import PageSeo

__all__ = ["Site"]


class Site(Frozen):
    """One finished (or, when something is missing, nearly finished) site."""

    brief: SiteBrief
    config: SiteConfig
    articles: dict[str, Article] = Field(default_factory=dict)
    """By item, `article-01` for the first plan of `config.articles`."""
    images: dict[str, bytes] = Field(default_factory=dict)
    """Encoded image files (JPEG, PNG or WebP) by item, `image-01` for the first plan of `config.images`."""
    descriptions: dict[str, ImageDescription] = Field(default_factory=dict)
    """By image item."""
    seo: dict[str, PageSeo] = Field(default_factory=dict)
    """By page slug."""
    reviews: dict[str, ImageReview] = Field(default_factory=dict)
    """By image item, of those that were looked at; of the first image, where it was made again since."""
    missing: list[MissingItem] = Field(default_factory=list)
    """What was ordered and could not be made."""
    warnings: list[str] = Field(default_factory=list)
    """What an editor should look at before publishing; nothing here was bad enough to be refused."""
    simulated: bool = False
    """Whether the built-in simulator wrote it."""
