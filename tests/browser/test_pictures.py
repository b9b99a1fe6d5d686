"""The pictures of the documentation."""

from tests.browser.pictures import PICTURES
from tests.test_docs import PAGES, ROOT, links


def test_every_picture_is_taken_by_the_script_and_shown_on_a_page() -> None:
    pictures = set((ROOT / "docs").glob("*.png"))
    assert {picture.stem for picture in pictures} == set(PICTURES)
    assert pictures <= {target for page in PAGES for target, _ in links(page)}
