"""Links to what was delivered.

Invariant: a URL consists of the operator's setting and the folder's name, never of text that a model wrote.
"""

import re
from urllib.parse import quote

from pressrun.frozen import Frozen
from pressrun.plaintext import as_markdown

__all__ = ["Links", "links_to", "show_links"]


class Links(Frozen):
    """URLs when the output folder is served, otherwise paths."""

    preview: str
    bundle: str
    report: str
    """The cost report."""
    served: bool


def links_to(bundle: str, sites_url: str | None) -> Links:
    """Links to the parts of the bundle at `bundle`; `sites_url` is the URL of the folder that contains it."""
    name = re.split(r"[\\/]", bundle.rstrip("\\/"))[-1]
    base = f"{sites_url.rstrip('/')}/{quote(name)}" if sites_url else bundle.rstrip("/")
    return Links(
        preview=f"{base}/preview/index.html", bundle=f"{base}/", report=f"{base}/costs.html", served=bool(sites_url)
    )


def show_links(links: Links) -> str:
    """The links as Markdown."""
    places = {"Preview": links.preview, "Bundle": links.bundle, "Cost report": links.report}
    if links.served:
        return " · ".join(f"[{name}](<{address}>)" for name, address in places.items())
    return "\n".join(f"- {name}: {as_markdown(path)}" for name, path in places.items())
