import pytest

from pressrun.steps import checks
from tests.builders import a_brief


@pytest.mark.parametrize(
    "text", ["```json\n{}", "Call [YOUR NAME] now", "Hi {{CLIENT}}", "Lorem ipsum dolor", "<div>x"]
)
def test_debris_of_a_model_at_work_is_found(text: str) -> None:
    assert checks.debris(text)


@pytest.mark.parametrize("text", ["We bake at 5 < 6 in the morning", "A [good] loaf", "Use `flour`", "{one} thing"])
def test_ordinary_text_is_no_debris(text: str) -> None:
    assert checks.debris(text) == []


def test_simplified_characters_are_a_fault_where_traditional_was_ordered() -> None:
    (fault,) = checks.wrong_script("我们的面包每天现做，欢迎您来。", a_brief(language="zh-TW"))
    assert "Simplified" in fault
    assert checks.wrong_script("我們的麵包每天現做，歡迎您來。", a_brief(language="zh-TW")) == []
    assert checks.wrong_script("我们的面包每天现做。", a_brief(language="zh-CN")) == []


def test_english_is_a_fault_where_chinese_was_ordered() -> None:
    assert "not written in Chinese" in checks.wrong_script("Our bread is good.", a_brief(language="zh-TW"))[0]
    assert checks.wrong_script("我們的 sourdough 麵包每天清晨現烤出爐。", a_brief(language="zh-TW")) == []


def test_length_counts_words_and_chinese_characters() -> None:
    assert checks.reading_length("Bread, don't rush it.") == 4
    assert checks.reading_length("每天現做的 sourdough 麵包") == 8


def test_width_counts_a_full_width_character_as_two() -> None:
    assert checks.display_width("麵包 bread") == 10


def test_only_the_later_of_two_equal_texts_is_at_fault() -> None:
    faults = checks.duplicates({"a": "Our Bread", "b": "Cakes", "c": "our  bread "}, "title")
    assert list(faults) == ["c"]
    assert "a" in faults["c"][0]
