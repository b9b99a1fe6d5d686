from pressrun.routes.provider import Provider
from tasks.keys import content_key

OPENAI = Provider(base_url="https://api.openai.com/v1")


def test_the_same_content_at_the_same_provider_is_the_same_work() -> None:
    assert content_key("answer", OPENAI, "abc") == content_key("answer", Provider(base_url=OPENAI.base_url), "abc")


def test_other_content_another_kind_or_another_provider_is_other_work() -> None:
    other = Provider(base_url="https://api.example.com/v1")
    keys = {
        content_key("answer", OPENAI, "abc"),
        content_key("answer", OPENAI, "abd"),
        content_key("submit", OPENAI, "abc"),
        content_key("answer", other, "abc"),
    }
    assert len(keys) == 4


def test_the_built_in_simulator_is_the_same_on_every_port_and_no_model() -> None:
    one, other = (Provider(base_url=f"http://127.0.0.1:{port}/v1", simulated=True, built_in=True) for port in (1, 2))
    assert content_key("answer", one, "abc") == content_key("answer", other, "abc")
    assert content_key("answer", one, "abc") != content_key("answer", OPENAI, "abc")


def test_a_simulator_elsewhere_is_known_by_its_address() -> None:
    one, other = (Provider(base_url=f"http://127.0.0.1:{port}/v1", simulated=True) for port in (1, 2))
    built_in = one.model_copy(update={"built_in": True})
    assert len({content_key("answer", provider, "abc") for provider in (one, other, built_in)}) == 3


def test_a_key_names_its_kind_and_has_only_plain_characters() -> None:
    key = content_key("answer", OPENAI, "茶館 / ../x")
    assert key.startswith("pressrun-answer-")
    assert key.isascii()
    assert "/" not in key
