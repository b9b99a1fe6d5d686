"""Where a person finds what was delivered.

Invariant: an address is made of what the operator set and of the site's short name, never of text that a model wrote.
"""

from urllib.parse import quote

from pressrun.calls import Frozen
from pressrun.plaintext import as_markdown

__all__ = ["Links", "links_to", "show_links"]


class Links(Frozen):
    """Addresses when the folder of the bundles is served, otherwise paths."""

    preview: str
    bundle: str
    report: str
    """The cost report."""
    served: bool


def links_to(slug: str, bundle: str, sites_url: str | None) -> Links:
    """Where the parts of a bundle are; `sites_url` is the address under which the folder above it is served."""
    base = f"{sites_url.rstrip('/')}/{quote(slug)}" if sites_url else bundle.rstrip("/")
    return Links(
        preview=f"{base}/preview/index.html", bundle=f"{base}/", report=f"{base}/costs.html", served=bool(sites_url)
    )


def show_links(links: Links) -> str:
    """The same as Markdown."""
    places = {"Preview": links.preview, "Bundle": links.bundle, "Cost report": links.report}
    if links.served:
        return " · ".join(f"[{name}](<{address}>)" for name, address in places.items())
    return "\n".join(f"- {name}: {as_markdown(path)}" for name, path in places.items())
