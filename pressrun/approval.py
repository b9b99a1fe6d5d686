"""What a reviewer sees when approving a configuration or a finished site, and the reviewer's changes.

Invariant: what was shown is what is built: only fields that were edited by hand differ, and text of a model or a client
is always escaped in the Markdown.
"""

import base64
import re
from collections.abc import Mapping, Sequence

from pressrun.calls import MissingItem
from pressrun.costs.money import usd
from pressrun.costs.report import CostReport
from pressrun.costs.sections import SIMULATED, SIMULATED_NOTE
from pressrun.plaintext import as_markdown
from pressrun.site import Site
from pressrun.steps.config import ImagePlan, Page, Palette, SiteConfig

__all__ = ["edited", "show_config", "show_delivery"]

AT_THE_END = "*Scroll down to enter your decision.*"
"""Prefect shows the fields below this text."""
MOST_WARNINGS = 20
"""Further warnings are in the preview."""


def edited(config: SiteConfig, changes: Mapping[str, str]) -> tuple[SiteConfig, list[str]]:
    """The configuration with the changes, and the names of the changed fields; an empty text changes nothing."""
    changed = {name: text for name, text in changes.items() if text and text != getattr(config, name)}
    return config.model_copy(update=changed), list(changed)


def show_config(config: SiteConfig, version: int) -> str:
    """The configuration as Markdown for Prefect's form."""
    parts = [
        f"# {as_markdown(config.site_name)}: approve this configuration?"
        + (f" (version {version})" if version > 1 else ""),
        AT_THE_END,
        f"**{as_markdown(config.tagline)}**\n\n{as_markdown(config.description)}",
        f"*Voice:* {as_markdown(config.voice)}",
        f"## Palette\n\n![{_say_palette(config.palette)}]({_swatches(config.palette)})",
        "## Pages\n\n" + "\n".join(map(_page, config.pages)),
        "## Articles\n\n"
        + "\n".join(
            f"{number}. **{as_markdown(plan.title)}**: {as_markdown(plan.angle)}"
            for number, plan in enumerate(config.articles, start=1)
        ),
        "## Images\n\n" + "\n".join(f"{number}. {_image(plan)}" for number, plan in enumerate(config.images, start=1)),
    ]
    return "\n\n".join(parts) + "\n"


def show_delivery(site: Site, report: CostReport, preview: str) -> str:
    """A finished site as Markdown for Prefect's form; `preview` is the URL or path of its preview page."""
    parts = [
        f"# {as_markdown(site.brief.name)}: deliver this site?",
        AT_THE_END,
        f"**{SIMULATED}** {SIMULATED_NOTE}" if site.simulated else "",
        f"**Preview:** {_place(preview)}",
        _made(site),
        "## Missing\n\n" + ("\n".join(map(_missing, site.missing)) or "Nothing."),
        "## Warnings\n\n" + _warnings(site.warnings),
        f"## Cost so far\n\n{_cost(report)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _place(preview: str) -> str:
    return f"<{preview}>" if preview.startswith(("http://", "https://")) else as_markdown(preview)


def _made(site: Site) -> str:
    config = site.config
    rows = {
        "Articles": (len(site.articles), len(config.articles)),
        "Images": (len(site.images), len(config.images)),
        "Descriptions": (len(site.descriptions), len(config.images)),
        "SEO meta": (len(site.seo), len(config.pages)),
    }
    lines = [f"| {name} | {made} of {ordered} |" for name, (made, ordered) in rows.items()]
    return "\n".join(["| | Generated |", "| --- | ---: |", *lines])


def _missing(item: MissingItem) -> str:
    return f"- **{as_markdown(f'{item.step} {item.item}')}**: {as_markdown(item.reason)}"


def _cost(report: CostReport) -> str:
    earlier = f", of which earlier runs paid {usd(report.reused)}" if report.reused else ""
    return f"**{usd(report.total)}**{earlier}. Real-time cost: {usd(report.realtime_total)}."


def _warnings(warnings: Sequence[str]) -> str:
    more = len(warnings) - MOST_WARNINGS
    lines = [f"- {as_markdown(warning)}" for warning in warnings[:MOST_WARNINGS]]
    return "\n".join([*lines, *([f"- and {more} more, listed in the preview"] if more > 0 else [])]) or "None."


def _page(page: Page) -> str:
    return f"- **{as_markdown(page.nav_label)}**: {as_markdown(page.headline)}. {as_markdown(page.intro)}"


def _image(plan: ImagePlan) -> str:
    return f"{as_markdown(plan.subject)} ({plan.role}, {plan.orientation}, on {as_markdown(plan.placement)})"


def _say_palette(palette: Palette) -> str:
    return ", ".join(f"{name} {as_markdown(colour)}" for name, colour in palette.model_dump().items())


def _swatches(palette: Palette) -> str:
    """An image, because Prefect's UI shows no styled HTML."""
    swatches = "".join(
        f'<rect x="{16 + 112 * at}" y="16" width="96" height="48" rx="6" fill="{_colour(colour)}" stroke="#99a"/>'
        f'<text x="{64 + 112 * at}" y="84" text-anchor="middle">{name}</text>'
        for at, (name, colour) in enumerate(palette.model_dump().items())
    )
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="576" height="100" viewBox="0 0 576 100" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#1b2430">'
        f'<rect width="576" height="100" rx="6" fill="#fff"/>{swatches}</svg>'
    )
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _colour(text: str) -> str:
    """A model wrote the text, so it counts as a colour only when it has the form of one."""
    return text if re.fullmatch(r"#[0-9a-fA-F]{6}", text) else "#888888"
