"""Whole sites as the simulator writes them, read as Pressrun reads them."""

from functools import cache
from typing import Any

from pressrun.brief import SiteBrief
from pressrun.calls import Answer, Call, Route, StepName
from pressrun.simulator.writer import write_reply
from pressrun.steps import CONFIG, STEPS, Order, Parsed, Step
from pressrun.steps.config import SiteConfig

__all__ = ["CASES", "ENGLISH", "GERMAN", "a_brief", "a_site", "an_order", "answered", "parsed_by"]

TEXT_STEPS = (StepName.ARTICLES, StepName.DESCRIPTIONS, StepName.SEO)

ENGLISH = {
    "name": "Harbour Bakery",
    "domain": "harbour-bakery.example",
    "trade": "Sourdough bakery and coffee counter",
    "language": "en-GB",
    "audience": "People who live near the quay",
    "services": ["Sourdough loaves, baked overnight", "Saffron buns", "Cakes to order (five days)", "Saturday class"],
    "keywords": ["sourdough bakery Cornwall", "saffron buns", "bread class"],
    "contact": {"email": "bread@harbour-bakery.example", "phone": "01632 960142"},
    "brand_colours": ["#1f3a4d", "#e9b44c", "#f7f1e5"],
    "pages": ["Home", "About", "Our Bread", "Classes", "FAQ", "Visit Us"],
}
CHINESE = {
    "name": "雲腳茶舍",
    "domain": "yunjiao-tea.example",
    "trade": "自產自銷的烏龍茶園與老宅茶館",
    "language": "zh-TW",
    "audience": "週末上山的旅客",
    "services": ["現場品茶席：由茶農親自沖泡", "凍頂烏龍、紅水烏龍與蜜香紅茶", "Tea tasting class", "老宅包場"],
    "keywords": ["凍頂烏龍茶推薦", "鹿谷茶館"],
    "pages": ["首頁", "關於我們", "我們的茶", "品茶與體驗", "常見問題", "交通與預約"],
}
PORTUGUESE = {
    **ENGLISH,
    "name": "Padaria do Cais",
    "domain": "padaria.example",
    "language": "pt-BR",
    "brand_colours": [],
}
GERMAN = {
    **ENGLISH,
    "name": "Radwerk Lindenhof",
    "domain": "radwerk-lindenhof.example",
    "trade": "Fahrradwerkstatt für Alltagsräder, E-Bikes und Lastenräder",
    "language": "de-DE",
    "tone": "Sachlich, freundlich, ohne Fachchinesisch",
    "audience": "Menschen, die jeden Tag mit dem Rad fahren",
    "services": [
        "Inspektion in zwei Stufen, mit Festpreis und schriftlichem Protokoll",
        "Reparatur am selben Tag bei Reifen, Bremsbelägen, Kette und Licht",
        "E-Bike-Service mit Fehlerdiagnose, Software-Update und Akkuprüfung",
        "Wartungsverträge für Betriebe ab fünf Rädern, mit Abholung",
        "Geprüfte Gebrauchträder mit zwölf Monaten Gewährleistung",
    ],
    "keywords": ["Fahrradwerkstatt Köln Ehrenfeld", "E-Bike Inspektion Köln", "Fahrrad winterfest machen"],
    "pages": ["Start", "Werkstatt", "E-Bike und Lastenrad", "Für Betriebe", "Gebrauchträder", "Über uns", "Kontakt"],
}
LONG_GERMAN = {
    **GERMAN,
    "name": "Hildegard Oberstaufenbachers Fahrradmanufaktur und Lastenradverleih am Lindenhof",
    "domain": "oberstaufenbacher.example",
    "services": ["Rad", "Fahrradreparaturwerkstattwagenvermietungsgesellschaft für Gemeinden und Vereine"],
    "pages": ["Start", "Preise", "Galerie", "Häufige Fragen", "Anfahrt", "Barrierefreiheitserklärung für alle"],
}
LATIN_IN_CHINESE = {**CHINESE, "name": "Morning Light Tea and Coffee House", "domain": "morning.example"}
LONG = {
    **ENGLISH,
    "name": "The Very Long Established Harbour Bakery and Coffee Counter of Penhallow Quay and District",
    "services": ["Handmade stoneground wholemeal sourdough loaves with an extraordinarily long description " * 3],
    "pages": ["Home", "Everything that we have ever wanted to tell you about our bread and its long history"],
}
BRIEFS = {
    "en": ENGLISH,
    "zh-TW": CHINESE,
    "de-DE": GERMAN,
    "de-DE with long names": LONG_GERMAN,
    "pt-BR": PORTUGUESE,
    "zh-TW with a Latin name": LATIN_IN_CHINESE,
    "long names": LONG,
}
CASES = [(name, articles) for name in BRIEFS for articles in (6, 9)]


def a_brief(fields: dict[str, Any], articles: int = 9, images: int = 13) -> SiteBrief:
    return SiteBrief.model_validate({**fields, "article_count": articles, "image_count": images})


def an_order(brief: SiteBrief, config: SiteConfig | None = None) -> Order:
    return Order(brief=brief, text_model="gpt-5-mini", image_model="gpt-image-1", image_quality="low", config=config)


def answered(call: Call) -> Answer:
    message = {"content": write_reply(call.body)}
    choice = {"message": message, "finish_reason": "stop"}
    return Answer(call_id=call.id, route=Route.REALTIME, body={"choices": [choice]})


def parsed_by(step: Step, order: Order) -> dict[str, Parsed]:
    readings = [step.parse(order, call, answered(call)) for call in step.calls(order)]
    assert [reading.faults for reading in readings if reading.faults] == []
    return {item: parsed for reading in readings for item, parsed in reading.parsed.items()}


@cache
def a_site(name: str, articles: int) -> tuple[SiteBrief, SiteConfig, dict[StepName, dict[str, Parsed]]]:
    """A whole site as Pressrun itself reads it; parsing raises for anything that is not fit to publish."""
    brief = a_brief(BRIEFS[name], articles)
    (planned,) = parsed_by(CONFIG, an_order(brief)).values()
    order = an_order(brief, planned.content)
    return brief, planned.content, {step: parsed_by(STEPS[step], order) for step in TEXT_STEPS}
