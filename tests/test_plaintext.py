from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pressrun.plaintext import as_markdown


def shown(markdown: str) -> str:
    """The text that a reader of a paragraph sees."""
    tokens = MarkdownIt("commonmark").enable("table").parse(f"x {markdown} x")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    return "".join(child.content for child in children)


def test_markup_of_any_kind_is_shown_as_it_was_written() -> None:
    nasty = "[a](https://x.example) **b** `c` <b>d</b> # e ~~f~~ | g \\ h ![i](j) &amp; _k_"
    assert shown(as_markdown(nasty)) == f"x {nasty} x"


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Zs"]), min_size=1))
def test_any_text_is_shown_as_it_was_written(text: str) -> None:
    assert shown(as_markdown(text)) == f"x {text} x"
