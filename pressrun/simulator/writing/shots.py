"""The shot list of a site: which images there are, where they belong and how an image model is asked for them.

Invariant: the first image is the home page's hero, every placement is the slug of a page or an article, and no two
subjects are alike.
"""

from typing import Any

from pressrun.simulator.writing.pages import PagePlan
from pressrun.simulator.writing.words import Words, load_prose

__all__ = ["plan_images"]

PAGE_SCENES = {
    "home": "hero",
    "about": "team",
    "services": "hands",
    "contact": "doorway",
    "faq": "conversation",
    "visit": "street",
    "prices": "notes",
    "gallery": "result",
}
SPARE = (
    "tools",
    "counter",
    "texture",
    "evening",
    "result",
    "notes",
    "conversation",
    "doorway",
    "hands",
    "street",
    "team",
)
VIEWS = ("closer view", "low camera angle", "late afternoon light", "seen from the opposite side")
"""How a scene that has been used is varied; in step with `views` in the prose of each language."""
SQUARE_EVERY = 5
"""One in so many article images is square, for a livelier gallery."""

Shot = tuple[str, str]
"""Placement and scene."""


def plan_images(
    words: Words, pages: list[PagePlan], articles: list[dict[str, Any]], count: int
) -> list[dict[str, Any]]:
    """`count` images: the pages' first, then the articles', then spare scenes on the pages in turn."""
    shots = _page_shots(pages)
    shots += [(str(plan["slug"]), words.theme(number)[0]) for number, plan in enumerate(articles, start=1)]
    used = {scene for _, scene in shots}
    fresh = [scene for scene in SPARE if scene not in used]
    spare = [*fresh, *(SPARE * (count // len(SPARE) + 1))]
    shots += [(pages[at % len(pages)].slug, scene) for at, scene in enumerate(spare)]
    times: dict[str, int] = {}
    plans = []
    for number, (placement, scene) in enumerate(shots[:count], start=1):
        turn = times.get(scene, 0)
        times[scene] = turn + 1
        plans.append(_image(words, placement, scene, turn, number))
    return plans


def _page_shots(pages: list[PagePlan]) -> list[Shot]:
    spare = (scene for scene in SPARE if scene not in {PAGE_SCENES.get(page.template) for page in pages})
    return [(page.slug, PAGE_SCENES.get(page.template) or next(spare, "texture")) for page in pages]


def _image(words: Words, placement: str, scene: str, turn: int, number: int) -> dict[str, Any]:
    """One image; `turn` counts the times that the scene has been used before."""
    role, orientation, prompt = load_prose("prompts.json")[scene]
    subject = words.fill(words.data["scenes"][scene], number - 1, 24)
    if turn:
        comma = "，" if words.language == "zh" else ", "
        view = (turn - 1) % len(VIEWS)
        again = f" {turn}" if turn > len(VIEWS) else ""
        subject = f"{subject}{comma}{words.data['views'][view]}{again}"
        prompt = f"{prompt}, {VIEWS[view]}"
    is_square = role == "article" and number % SQUARE_EVERY == 0
    return {
        "placement": placement,
        "role": role,
        "orientation": "square" if is_square else orientation,
        "subject": subject,
        "prompt": _filled_prompt(words, prompt),
    }


def _filled_prompt(words: Words, prompt: str) -> str:
    """The English prompt with the look of the client's trade."""
    facts = " ".join([words.brief.trade, words.brief.name, *words.brief.services]).casefold()
    trades = load_prose("trades.json")
    look = next(trade for trade in trades if any(word in facts for word in trade["words"]))
    for slot in ("place", "things", "person"):
        prompt = prompt.replace("{" + slot + "}", look[slot])
    return f"{prompt}. No text, no logos, no recognizable people"
