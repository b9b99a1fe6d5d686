"""`Site`: everything generated for one brief, as delivered in the bundle.

Invariant: every ordered item is either here or in `missing`.
"""

from pydantic import Field

from pressrun.brief import SiteBrief
from pressrun.calls import MissingItem
from pressrun.frozen import Frozen
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
    """By image item, for reviewed images; the review of the first version, if an image was regenerated."""
    missing: list[MissingItem] = Field(default_factory=list)
    """Ordered items that could not be generated."""
    warnings: list[str] = Field(default_factory=list)
    """What an editor should check before publishing; nothing here was serious enough to be refused."""
    simulated: bool = False
    """Whether the built-in simulator generated it."""
