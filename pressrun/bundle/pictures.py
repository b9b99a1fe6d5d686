"""Image files as they are delivered.

Invariant: a `Picture`'s extension and format are those of its bytes, which Pillow could decode to the end.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from PIL import Image
from slugify import slugify

from pressrun.site import Site
from pressrun.steps.config import ImagePlan
from pressrun.steps.descriptions import ImageDescription
from pressrun.steps.review import ImageReview

__all__ = ["Host", "Kind", "Picture", "image_records", "make_picture"]

Kind = Literal["page", "article"]

EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@dataclass(frozen=True)
class Host:
    """The page or the article that an image belongs to."""

    kind: Kind
    slug: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One image, with what is known of it."""

    item: str
    plan: ImagePlan
    description: ImageDescription | None
    review: ImageReview | None
    """What was seen when it was looked at."""
    host: Host | None
    """None when the plan's placement names neither a page nor an article."""
    data: bytes
    format: str
    width: int
    height: int

    @property
    def file(self) -> str:
        """File name inside `images/`."""
        subject = slugify(self.plan.subject, max_length=40, word_boundary=True, save_order=True)
        return f"{'-'.join(filter(None, [self.item, subject]))}.{EXTENSIONS[self.format]}"

    @property
    def alt(self) -> str:
        """Alternative text; the plan's subject when no description was made."""
        return self.description.alt if self.description else self.plan.subject

    @property
    def caption(self) -> str:
        return self.description.caption if self.description else ""


def make_picture(item: str, plan: ImagePlan, host: Host | None, site: Site) -> Picture | None:
    """The picture of one item; None when its bytes are not a whole JPEG, PNG or WebP image."""
    data = site.images[item]
    try:
        with Image.open(io.BytesIO(data), formats=list(EXTENSIONS)) as image:
            image.load()
            width, height = image.size
            format_name = str(image.format)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return Picture(
        item=item,
        plan=plan,
        description=site.descriptions.get(item),
        review=site.reviews.get(item),
        host=host,
        data=data,
        format=format_name,
        width=width,
        height=height,
    )


def image_records(pictures: Mapping[str, Picture], *, simulated: bool) -> list[dict[str, Any]]:
    """What `images.json` holds, in the order of the plans; `bytes` is the file's size.

    `source` is the IPTC digital source type: made by a trained model, or by the simulator's plain drawing.
    """
    source = "algorithmicMedia" if simulated else "trainedAlgorithmicMedia"
    return [
        {
            "item": picture.item,
            "file": f"images/{picture.file}",
            "alt": picture.alt,
            "caption": picture.caption,
            "width": picture.width,
            "height": picture.height,
            "bytes": len(picture.data),
            "format": picture.format,
            "role": picture.plan.role,
            "placement": picture.plan.placement,
            "placed_on": {"kind": picture.host.kind, "slug": picture.host.slug} if picture.host else None,
            "prompt": picture.plan.prompt,
            "refined_prompt": picture.description.refined_prompt if picture.description else None,
            "review": {"score": picture.review.score, **picture.review.model_dump()} if picture.review else None,
            "source": source,
            "digital_source_type": SOURCE_TYPES + source,
        }
        for picture in pictures.values()
    ]
