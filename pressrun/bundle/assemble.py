"""Assembles a site's bundle: every file by name, then all of them written atomically.

Invariant: a bundle is a function of the site, the extra files and `made_at`, and nothing else.
"""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from pressrun import __version__
from pressrun.bundle.articles import article_file
from pressrun.bundle.existing import Identity
from pressrun.bundle.layout import Layout, lay_out
from pressrun.bundle.pictures import image_records
from pressrun.bundle.placing import place_bundle
from pressrun.bundle.preview import preview_page
from pressrun.bundle.seo import seo_records
from pressrun.bundle.writer import check_name
from pressrun.manifest import MANIFEST, with_files
from pressrun.site import Site

__all__ = ["bundle_files", "identity_of", "write_bundle"]

log = logging.getLogger(__name__)


def write_bundle(
    site: Site,
    out: Path,
    extra: Mapping[str, str | bytes],
    *,
    made_at: datetime,
    report: Callable[[str], None] = log.warning,
) -> Path:
    """Write the site's folder, `<out>/<slug>/`, atomically, and return its path; see `placing` for what it replaces.

    `extra` has additional files (costs, manifest) by their name inside the folder; the manifest receives the hashes of
    all files. `made_at` is timezone-aware. `report` is told where a folder that was there is kept.
    Raises `ValueError` for an extra name that is absolute, contains `..` or is one of the bundle's own; `Occupied` when
    something else is there; `OSError` when writing fails. In all these cases an existing bundle stays unchanged.
    """
    own = bundle_files(site, made_at=made_at)
    files = {**own, **{check_name(name): _encoded(content) for name, content in extra.items()}}
    _refuse_clashes(own, extra)
    if MANIFEST in files:
        account = with_files(json.loads(files[MANIFEST]), files)
        files[MANIFEST] = json.dumps(account, ensure_ascii=False, indent=2).encode()
    return place_bundle(out / site.brief.slug, files, identity_of(site), report)


def identity_of(site: Site) -> Identity:
    return Identity.of(site.brief, simulated=site.simulated, complete=not site.missing)


def bundle_files(site: Site, *, made_at: datetime) -> dict[str, bytes]:
    """Every file of the bundle itself, by its name inside the folder.

    Raises `ValueError` when `made_at` has no time zone.
    """
    if made_at.tzinfo is None:
        raise ValueError("made_at needs a time zone")
    layout = lay_out(site)
    seo = seo_records(layout, made_at=made_at)
    articles = {placed.file: article_file(placed, site.brief, made_at=made_at).encode() for placed in layout.articles}
    images = {f"images/{picture.file}": picture.data for picture in layout.pictures.values()}
    return {
        "site.json": _json(_site_record(layout, made_at)),
        "seo.json": _json(seo),
        "images.json": _json(image_records(layout.pictures, simulated=site.simulated)),
        **articles,
        **images,
        "preview/index.html": preview_page(layout, seo, made_at=made_at).encode(),
    }


def _site_record(layout: Layout, made_at: datetime) -> dict[str, Any]:
    site = layout.site
    return {
        "generator": f"pressrun {__version__}",
        "made_at": made_at.isoformat(timespec="seconds"),
        "simulated": site.simulated,
        "ai_disclosure": "generated",
        "status": "draft",
        "missing": [item.model_dump(mode="json") for item in site.missing],
        "warnings": list(layout.warnings),
        "brief": site.brief.model_dump(mode="json"),
        "config": site.config.model_dump(mode="json"),
        "articles": [
            {"item": placed.item, "slug": placed.slug, "file": placed.file, **placed.article.model_dump(mode="json")}
            for placed in layout.articles
        ],
    }


def _json(value: Any) -> bytes:
    r"""Readable JSON. `<` is written as `\u003c`, so that JSON pasted into a `<script>` cannot close it."""
    return (json.dumps(value, ensure_ascii=False, indent=2).replace("<", "\\u003c") + "\n").encode()


def _encoded(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _refuse_clashes(own: Mapping[str, bytes], extra: Mapping[str, str | bytes]) -> None:
    """No extra file may replace one of ours or be where a folder must be, ignoring case (for macOS)."""
    files = {name.casefold() for name in own}
    folders = {str(parent).casefold() for name in (*own, *extra) for parent in PurePosixPath(name).parents}
    all_files = files | {name.casefold() for name in extra}
    for name in extra:
        parents = {str(parent).casefold() for parent in PurePosixPath(name).parents}
        if name.casefold() in files | folders or parents & all_files:
            raise ValueError(f"the bundle already has a file or folder with this name: {name!r}")
