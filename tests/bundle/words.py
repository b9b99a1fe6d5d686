"""The words of the two sample sites."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Copy:
    name: str
    slug: str
    trade: str
    audience: str
    tagline: str
    description: str
    services: list[str]
    contact: dict[str, str]
    palette: dict[str, str]
    pages: list[tuple[str, Any, str, str, str, str, list[tuple[str, str]]]]
    """Slug, kind, menu label, headline, intro, button, sections."""
    articles: list[tuple[str, str, str, list[str]]]
    """Title, slug, summary, keywords."""
    headings: list[str]
    bodies: list[str]
    opening: str
    conclusion: str
    images: list[tuple[str, Any, Any, str, str, str]]
    """Placement, role, orientation, subject, alternative text, caption."""


ENGLISH = Copy(
    name="Harbour Bakery",
    slug="harbour-bakery",
    trade="Sourdough bakery and tea room",
    audience="families and visitors in Falmouth",
    tagline="Slow bread by the water since 1987",
    description="A family bakery on Falmouth's quay. Sourdough, pastries and a tea room for people who like breakfast.",
    services=[
        "Sourdough loaves",
        "Morning pastries",
        "Celebration cakes",
        "Weekend baking classes",
        "Bread for cafés and hotels",
        "Tea room breakfasts",
    ],
    contact={
        "email": "hello@harbour-bakery.example",
        "phone": "+44 1326 555 0142",
        "address": "4 Custom House Quay, Falmouth TR11 3JT",
        "hours": "Tuesday to Sunday, 7.30 am to 4 pm",
    },
    palette={
        "primary": "#1d3f4f",
        "secondary": "#d9a441",
        "accent": "#b5482a",
        "background": "#fbf7f0",
        "text": "#2a2622",
    },
    pages=[
        (
            "home",
            "home",
            "Home",
            "Bread worth getting up for",
            "We bake through the night, so that Falmouth wakes to warm crusts, good butter and coffee on the quay.",
            "Order for tomorrow",
            [
                (
                    "Thirty-six hours in every loaf",
                    "Flour, water and salt do most of the work; we mainly wait. Our dough rests for a day and a half, "
                    "which is why the crumb is open and the crust sings when you press it.\n\nWe mill part of the "
                    "wheat ourselves, from two farms on the Lizard. *You can taste which field it came from.*",
                ),
                (
                    "Come for breakfast, stay for the tide",
                    "The tea room has twelve tables and one long window. Come early for a cinnamon bun straight from "
                    "the tray, or late for soup and the end of a loaf.\n\nDogs, prams and muddy boots are welcome.",
                ),
                (
                    "Baking for cafés and hotels",
                    "Nine kitchens between Truro and the Helford take our bread each morning. We deliver before six, "
                    "by electric van, six days a week.\n\nAsk us for a tasting box.",
                ),
            ],
        ),
        (
            "about",
            "about",
            "About us",
            "Three generations, one oven",
            "Jenna Pascoe runs the bakery that her grandfather opened in a former sail loft.",
            "Visit the bakery",
            [
                (
                    "The sail loft",
                    "In 1987 the loft had no floor and a good chimney. The oven went in first, by crane, and has not "
                    "been cold for more than a week since.\n\nThe mixer is newer. The bench is older than all of us.",
                ),
                (
                    "The people",
                    "We are eleven: six bakers, three in the tea room, a driver, and Morwenna, who does the books and "
                    "knows every customer by name.\n\nTwo of us started here as Saturday staff.",
                ),
            ],
        ),
        (
            "services",
            "services",
            "What we bake",
            "From the daily loaf to the wedding cake",
            "Everything is made on the quay, by hand, on the day it is sold.",
            "Ask for a price",
            [
                (
                    "Every day",
                    "- Quay sourdough, 900 g\n- Seeded rye\n- Focaccia with rosemary\n- Cinnamon buns, croissants, "
                    "saffron buns on Fridays",
                ),
                (
                    "To order",
                    "Celebration cakes need four days. Bread for more than twenty people needs two.\n\nTell us about "
                    "allergies when you order; we bake nut-free on Mondays.",
                ),
            ],
        ),
        (
            "contact",
            "contact",
            "Contact",
            "Find us on the quay",
            "Ring before noon for the next morning's bread, or write whenever you like.",
            "Write to us",
            [
                (
                    "Getting here",
                    "The park-and-float stops two minutes away. There is room for bicycles under the stairs.\n\n"
                    "The last hundred metres are cobbled; there is a level way in from Arwenack Street.",
                ),
            ],
        ),
    ],
    articles=[
        (
            "How to keep sourdough fresh for five days",
            "keep-sourdough-fresh",
            "A good loaf lasts longer than you think. Where to keep it, what to wrap it in, and when to toast.",
            ["keep sourdough fresh", "bread storage"],
        ),
        (
            "What the hole in the crumb really tells you",
            "open-crumb-explained",
            "Big holes are not always good bread. What bakers look for when they cut a loaf in half.",
            ["open crumb", "sourdough"],
        ),
        (
            "A beginner's starter in seven days",
            "sourdough-starter-seven-days",
            "Flour, water and patience: a day-by-day guide that has worked for hundreds of our students.",
            ["sourdough starter", "baking at home"],
        ),
        (
            "Saffron buns: a short Cornish history",
            "saffron-buns-cornish-history",
            "Why a spice from far away became the taste of a Cornish Friday, and how we make ours.",
            ["saffron buns", "Cornwall"],
        ),
        (
            "Choosing flour: stone-ground, strong or plain?",
            "choosing-flour",
            "Three bags, three breads. What the words on the packet mean for your dough.",
            ["bread flour", "baking at home"],
        ),
        (
            "Planning a cake for eighty guests",
            "cake-for-eighty-guests",
            "Tiers, portions, transport and weather: what to settle before you order.",
            ["wedding cake", "celebrations"],
        ),
    ],
    headings=["Why it happens", "What to do on the first day", "What to do after that", "When to let go"],
    bodies=[
        "Bread does not dry out so much as it *sets*. Starch that softened in the oven turns firm again as it cools, "
        "and a fridge makes that faster. So the cold shelf is the worst place in the house.\n\nSourdough has an "
        "advantage: its acid slows the process down by a day or two.",
        "Let the loaf cool for two hours before the first cut. Then keep it cut side down on a board.\n\n"
        "> A whole loaf needs no wrapping on its first day.\n\nIf your kitchen is dry, a linen bag helps.",
        "From the second day on, three things matter:\n\n1. **Cover it**, but let it breathe.\n2. Keep it between "
        "18 and 22 °C.\n3. Cut only what you need.\n\nOn day four, sprinkle the crust with water and give it eight "
        "minutes at 200 °C.",
        "Mould means the bin, without exception. Dry bread, on the other hand, is an ingredient: crumbs, croutons, "
        "a bread pudding.\n\nWe sell yesterday's bread at half price for exactly that.",
    ],
    opening="Most loaves are thrown away too early. With a board, a cloth and a little knowledge, a 900 g sourdough "
    "feeds two people from Saturday to Wednesday.\n\nThis is what we tell customers across the counter.",
    conclusion="Try it with your next loaf, and tell us on which day you gave up. Our **record** is nine days.",
    images=[
        (
            "home",
            "hero",
            "landscape",
            "Loaves on a quay at dawn",
            "Round loaves cooling on a rack, the harbour behind them in early light",
            "The first batch leaves the oven at ten to four.",
        ),
        (
            "home",
            "section",
            "landscape",
            "Baker's hands shaping dough",
            "Two floury hands fold a piece of dough on a wooden bench",
            "Each loaf is shaped twice, twenty minutes apart.",
        ),
        (
            "home",
            "section",
            "portrait",
            "Tea room window",
            "A table with a teapot at a tall window above moored boats",
            "Table seven: ask for it when you book.",
        ),
        (
            "about",
            "hero",
            "landscape",
            "Old sail loft",
            "A granite building with a wide door and a painted sign",
            "The loft in its second life.",
        ),
        (
            "about",
            "portrait",
            "portrait",
            "Baker at the oven",
            "A woman with a long wooden peel in front of a deck oven",
            "Jenna's grandfather set the bricks himself.",
        ),
        (
            "services",
            "section",
            "square",
            "Tray of cinnamon buns",
            "Twelve glazed buns on a black tray",
            "They are gone by half past nine.",
        ),
        (
            "contact",
            "hero",
            "landscape",
            "Quay from the water",
            "Custom House Quay seen from a boat at high tide",
            "We are the blue door on the left.",
        ),
        (
            "keep-sourdough-fresh",
            "article",
            "landscape",
            "Loaf cut side down",
            "Half a sourdough loaf, cut side down, on a board beside a linen cloth",
            "A board is all it needs on the first day.",
        ),
        (
            "keep-sourdough-fresh",
            "detail",
            "square",
            "Crust in close-up",
            "Blistered brown crust seen from very near",
            "Blisters come from a long, cold rest.",
        ),
        (
            "open-crumb-explained",
            "article",
            "landscape",
            "Cross section of a loaf",
            "Cut face of a loaf with holes of many sizes",
            "Even is better than big.",
        ),
        (
            "sourdough-starter-seven-days",
            "article",
            "landscape",
            "Jar of starter",
            "A glass jar with bubbling starter and a rubber band as a mark",
            "The band shows how far it has risen.",
        ),
        (
            "saffron-buns-cornish-history",
            "article",
            "landscape",
            "Saffron buns",
            "Yellow buns with currants in a basket",
            "A gram of saffron colours two hundred buns.",
        ),
        (
            "cake-for-eighty-guests",
            "article",
            "landscape",
            "Three-tier cake",
            "A plain white cake with three tiers and fresh figs",
            "Figs travel better than strawberries.",
        ),
    ],
)

CHINESE = Copy(
    name="山嵐茶書院",
    slug="shanlan-tea",
    trade="高山茶與茶藝課程",
    audience="想認真認識台灣茶的人",
    tagline="從一片葉子，讀懂一座山",
    description="位於南投鹿谷的家族茶園與茶書院，提供單一茶區的高山烏龍與小班茶藝課程。",
    services=["單一茶區高山烏龍", "小班茶藝課程", "企業茶禮訂製", "茶園導覽與採茶體驗", "焙茶代工"],
    contact={
        "email": "hello@shanlan-tea.example",
        "phone": "+886 49 555 0123",
        "address": "南投縣鹿谷鄉中正路一段 88 號",
        "hours": "週三至週日，上午十點至下午六點",
    },
    palette={
        "primary": "#24483e",
        "secondary": "#c9a55c",
        "accent": "#8c4a2f",
        "background": "#faf8f3",
        "text": "#26302c",
    },
    pages=[
        (
            "home",
            "home",
            "首頁",
            "一杯茶裡，有山的氣息",
            "海拔一千六百公尺的雲霧、三代人的手，以及不趕時間的焙火。我們把這些都留在茶湯裡。",
            "預約品茶",
            [
                (
                    "單一茶區，清楚標示",
                    "每一批茶都寫明**茶區、海拔、採收日期與焙火程度**。沒有拼配，也沒有香料。\n\n"
                    "您喝到的，就是那一年、那一座山的味道。",
                ),
                (
                    "小班授課，從溫杯開始",
                    "每班最多八人。從認識茶葉、掌握水溫，到泡出一壺穩定的茶，兩個半小時慢慢來。\n\n"
                    "**初學者也不用擔心：**所有茶具都已備妥。",
                ),
                ("為企業準備的茶禮", "可依預算與對象挑選茶款，附手寫風格的茶品說明卡。\n\n最少三十份，兩週內交貨。"),
            ],
        ),
        (
            "about",
            "about",
            "關於我們",
            "三代製茶，一間書院",
            "祖父種下第一排茶樹那年，山路還沒有鋪上柏油。",
            "來看看茶園",
            [
                (
                    "茶園的故事",
                    "一九七二年，林家在鹿谷買下一塊沒有人要的坡地。\n\n如今那裡有四甲茶園，與一座老焙茶室。",
                ),
                (
                    "我們相信的事",
                    "茶不必神祕。說清楚產地、工序與價格，客人自然會找到喜歡的那一款。\n\n其餘的，交給時間。",
                ),
            ],
        ),
        (
            "courses",
            "services",
            "課程與服務",
            "學會泡一壺自己喜歡的茶",
            "從單堂體驗到六週系列課程，都在茶園旁的書院進行。",
            "查看課程日期",
            [
                ("單堂體驗", "- 認識六大茶類\n- 蓋碗與小壺的差別\n- 一次品飲三款高山烏龍"),
                ("六週系列", "每週一個主題：水、器、火、葉、香、味。\n\n結業時，每位學員會帶走自己焙的茶。"),
            ],
        ),
        (
            "contact",
            "contact",
            "聯絡我們",
            "上山來喝杯茶",
            "書院座位不多，來訪前請先來電或來信預約。",
            "寫信給我們",
            [("交通方式", "自溪頭轉運站步行約十二分鐘，附近有停車場。\n\n雨天山路濕滑，請小心慢行。")],
        ),
    ],
    articles=[
        (
            "高山烏龍怎麼泡才不苦澀？",
            "brew-high-mountain-oolong",
            "水溫、投茶量與時間，三個數字就能泡出順口的高山茶。附上新手也能照做的步驟。",
            ["高山茶泡法", "烏龍茶"],
        ),
        (
            "買茶前先看懂這五個標示",
            "five-tea-labels",
            "海拔、茶區、品種、採收日與焙火，包裝上的字各代表什麼。",
            ["買茶", "茶葉標示"],
        ),
        (
            "茶葉開封後如何保存",
            "store-opened-tea",
            "光、熱、濕氣與氣味是茶葉的四個敵人。家裡哪裡最適合放茶？",
            ["茶葉保存"],
        ),
        (
            "第一次上茶藝課要準備什麼",
            "first-tea-class",
            "不用茶具，也不用懂茶。只要記得三件小事。",
            ["茶藝課程", "新手"],
        ),
        (
            "輕焙火與重焙火有何不同",
            "light-and-heavy-roast",
            "同一批毛茶，焙火輕重會帶出完全不同的香氣。",
            ["焙火", "烏龍茶"],
        ),
        (
            "送茶禮的禮節與預算",
            "tea-gift-etiquette",
            "送長輩、客戶或朋友，怎麼挑才得體又不失心意。",
            ["茶禮", "企業贈禮"],
        ),
    ],
    headings=["先從水溫談起", "投茶量的拿捏", "時間是最後一步", "常見的三個錯誤"],
    bodies=[
        "高山烏龍多為球形，需要足夠的熱度才能展開。建議用攝氏九十五度的水，第一泡**「快進快出」**即可。\n\n"
        "水一離火就降溫，所以壺要先燙過。",
        "一百五十毫升的壺，放五到六克。看起來少，葉子展開後剛好八分滿。\n\n> 寧可少放，不要久泡。",
        "依序是：\n\n1. 第一泡四十五秒\n2. 第二泡三十秒\n3. 之後每泡加十五秒\n\n**一個訣竅：**倒茶要倒乾淨，不要留湯。",
        "最常見的是用不夠熱的水、泡太久，以及把茶葉悶在壺裡。\n\n這三件事改過來，苦澀就去了大半。",
    ],
    opening="很多人說高山茶「冷了會澀」。其實多半不是茶的問題，而是泡法的問題。\n\n這篇用三個數字，把方法講清楚。",
    conclusion="今晚就用這三個數字泡一壺看看。若仍覺得澀，歡迎把茶帶來書院，我們一起找原因。",
    images=[
        (
            "home",
            "hero",
            "landscape",
            "Tea terraces in morning mist",
            "晨霧中的層層茶園，遠處山稜若隱若現",
            "清晨六點，霧還沒散，採茶就開始了。",
        ),
        (
            "home",
            "section",
            "landscape",
            "Hands with tea leaves",
            "一雙手捧著剛採下的一心二葉",
            "一斤茶，大約需要一千八百個芽葉。",
        ),
        ("home", "section", "portrait", "Gaiwan on a wooden table", "木桌上的白瓷蓋碗，茶湯金黃", "白瓷最能看清湯色。"),
        ("about", "hero", "landscape", "Old roasting room", "老焙茶室裡整排的竹編焙籠", "焙籠都是祖父留下來的。"),
        ("about", "portrait", "portrait", "Tea master", "一位長者俯身聞著焙籠裡的茶香", "焙火靠的是鼻子，不是計時器。"),
        ("courses", "section", "square", "Tea class", "八位學員圍坐長桌練習注水", "注水的高度會影響香氣。"),
        ("contact", "hero", "landscape", "Mountain road", "通往書院的山路與路旁的茶樹", "看到紅色郵筒就到了。"),
        (
            "brew-high-mountain-oolong",
            "article",
            "landscape",
            "Pouring tea",
            "熱茶從紫砂壺注入茶海",
            "出湯要快，也要倒乾淨。",
        ),
        (
            "brew-high-mountain-oolong",
            "detail",
            "square",
            "Opened leaves",
            "沖泡後完全展開的茶葉",
            "葉底完整，是手採的證明。",
        ),
        (
            "five-tea-labels",
            "article",
            "landscape",
            "Tea tins",
            "木架上排列整齊的茶罐與標籤",
            "標籤上的每個字都有用處。",
        ),
        ("store-opened-tea", "article", "landscape", "Sealed tea tin", "陰涼櫃中的錫製茶罐", "離爐台遠一點就對了。"),
        (
            "light-and-heavy-roast",
            "article",
            "landscape",
            "Two cups of tea",
            "並排的兩杯茶，一淺一深",
            "左邊輕焙，右邊重焙。",
        ),
        ("不存在的頁面", "background", "landscape", "Rolling clouds", "山谷間翻湧的雲海", "午後常有的雲海。"),
    ],
)
