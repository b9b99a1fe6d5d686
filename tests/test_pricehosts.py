import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressrun.pricehosts import price_list


@pytest.mark.parametrize(
    ("address", "host", "provider"),
    [
        ("https://api.openai.com/v1", "api.openai.com", "openai"),
        ("api.openai.com", "api.openai.com", "openai"),
        ("https://API.OpenAI.com:443/v1/", "api.openai.com", "openai"),
        ("https://user:secret@api.openai.com/v1", "api.openai.com", "openai"),
        ("https://eu.api.openai.com/v1", "eu.api.openai.com", "openai"),
        ("https://api.groq.com/openai/v1", "api.groq.com", "groq"),
        ("https://openrouter.ai/api/v1", "openrouter.ai", "openrouter"),
        ("https://api.together.xyz/v1", "api.together.xyz", "together"),
        ("https://api.moonshot.ai/v1", "api.moonshot.ai", "moonshotai"),
        ("https://router.huggingface.co/groq/v1", "router.huggingface.co", "huggingface_groq"),
        ("https://bakery.openai.azure.com/openai/v1/", "bakery.openai.azure.com", "azure"),
        ("http://127.0.0.1:4000/v1", "127.0.0.1:4000", "openai"),
        ("http://[::1]:4000/v1", "[::1]:4000", "openai"),
        ("http://localhost:11434/v1", "localhost:11434", "openai"),
        ("http://10.1.2.3/v1", "10.1.2.3", "openai"),
        ("http://litellm:4000", "litellm:4000", "openai"),
        ("http://gateway.internal/v1", "gateway.internal", "openai"),
        ("https://api.groq.example/openai/v1", "api.groq.example", None),
        ("https://api.groq.com.example/openai/v1", "api.groq.com.example", None),
        ("https://api.openai.com.example/v1", "api.openai.com.example", None),
        ("https://myapi.openai.com/v1", "myapi.openai.com", None),
        ("https://gateway.example/https://api.openai.com/v1", "gateway.example", None),
        ("https://8.8.8.8/v1", "8.8.8.8", None),
        ("https://api.deepinfra.com/v1/openai", "api.deepinfra.com", None),
        ("http://[not-an-address", "the configured address", None),
        ("https://host:port/v1", "the configured address", None),
        ("", "the configured address", None),
    ],
)
def test_an_address_has_the_prices_of_the_provider_that_it_belongs_to(address, host, provider):
    found = price_list(address)
    assert (found.host, found.provider) == (host, provider)


@pytest.mark.parametrize("region", ["eu", "us", "au", "in", "jp", "a-later-one"])
def test_a_region_of_openai_is_known_as_one(region):
    assert price_list(f"https://{region}.api.openai.com/v1").is_regional
    assert not price_list("https://api.openai.com/v1").is_regional


@pytest.mark.parametrize(
    ("address", "assumed"),
    [
        ("http://127.0.0.1:4000/v1", True),
        ("http://192.168.1.7:8000/v1", True),
        ("http://ollama:11434/v1", True),
        ("https://api.openai.com/v1", False),
        ("https://api.groq.com/openai/v1", False),
        ("https://gateway.example/v1", False),
    ],
)
def test_openais_prices_are_assumed_only_where_an_address_names_nobody(address, assumed):
    assert price_list(address).is_assumed is assumed


@given(st.text())
def test_any_text_is_an_address_or_has_no_provider(text):
    assert price_list(text).host
