"""Articles as Markdown files with front matter that Hugo, Astro and Eleventy read.

Invariant: the front matter is one YAML mapping whatever the title contains, with the same texts for every reader, every
article is a draft, and the body has no raw HTML and no template call.
"""

import io
from collections.abc import Iterator
from datetime import datetime
from itertools import zip_longest
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import SafeRepresenter

from pressrun.brief import SiteBrief
from pressrun.bundle.layout import PlacedArticle
from pressrun.bundle.pictures import Picture
from pressrun.bundle.prose import plain_to_markdown, to_markdown

__all__ = ["article_file"]


WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
"""Not text to readers of YAML 1.1 (Jekyll's, PyYAML, js-yaml 3) in some spelling (yaml.org/type/bool.html)."""


class _Representer(SafeRepresenter):
    """Writes times with a `T`, as Go's YAML reader (and so Hugo) requires for times with a zone; and quotes text that
    any reader could take for something else."""

    def represent_text(self, text: str) -> ScalarNode:
        """Only text that begins with a letter is surely none of numbers, times (`12:30` is 750), dates and symbols."""
        is_plain = text[:1].isalpha() and text.lower() not in WORDS
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_plain else '"')

    def represent_time(self, time: datetime) -> ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:timestamp", time.isoformat(timespec="seconds"))


_Representer.add_representer(str, _Representer.represent_text)
_Representer.add_representer(datetime, _Representer.represent_time)


def article_file(placed: PlacedArticle, brief: SiteBrief, *, made_at: datetime) -> str:
    """The text of `articles/<slug>.md`."""
    return f"---\n{_yaml(_front_matter(placed, brief, made_at))}---\n\n" + "\n\n".join(_body(placed)) + "\n"


def _front_matter(placed: PlacedArticle, brief: SiteBrief, made_at: datetime) -> dict[str, Any]:
    """Hugo's own fields at the top level (https://gohugo.io/content/front-matter/), all others under `params`."""
    article = placed.article
    front: dict[str, Any] = {
        "title": _line(article.title),
        "slug": placed.slug,
        "date": made_at,
        "draft": True,
        "description": _line(article.seo_description),
        "summary": _line(article.summary),
        "tags": [_line(tag) for tag in article.tags],
        "keywords": [_line(keyword) for keyword in placed.plan.keywords],
        "isCJKLanguage": brief.is_chinese,
        "params": {"seo_title": _line(article.seo_title), "lang": brief.language, "item": placed.item},
    }
    if placed.lead:
        front["params"] |= {"image": _path(placed.lead), "image_alt": _line(placed.lead.alt)}
    front["params"]["ai_disclosure"] = "generated"
    return front


def _line(text: str) -> str:
    """One line, because YAML readers disagree about U+0085 and U+2028."""
    return " ".join(text.split())


def _yaml(front: dict[str, Any]) -> str:
    yaml: Any = YAML(typ="safe", pure=True)  # its settings are typed as None
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = 100_000
    yaml.sort_base_mapping_type_on_output = False
    text = io.StringIO()
    yaml.dump(front, text)
    return text.getvalue()


def _body(placed: PlacedArticle) -> Iterator[str]:
    article = placed.article
    if placed.lead:
        yield _figure(placed.lead)
    yield to_markdown(article.intro)
    for section, picture in zip_longest(article.sections, placed.others):
        if section:
            yield f"## {plain_to_markdown(section.heading)}"
            yield to_markdown(section.body)
        if picture:
            yield _figure(picture)
    yield to_markdown(article.conclusion)


def _figure(picture: Picture) -> str:
    image = f"![{plain_to_markdown(picture.alt)}]({_path(picture)})"
    return f"{image}\n\n*{plain_to_markdown(picture.caption)}*" if picture.caption.strip() else image


def _path(picture: Picture) -> str:
    """Relative to the article's folder."""
    return f"../images/{picture.file}"
