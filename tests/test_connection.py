"""Variables of proxies and certificates: each fault has the variable's name, and no value that may be secret."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from pressrun.connection import (
    CUSTOM_HEADERS,
    HEADERS,
    PROXIES,
    check_variables,
    is_loopback,
    spare_loopback,
    variable_faults,
)
from pressrun.errors import Refused
from pressrun.routes.needs import list_models
from pressrun.routes.provider import Provider, open_client
from pressrun.settings import Settings
from tests.routes.raw_server import Reply, serving

NAMES = ("NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", *HEADERS, CUSTOM_HEADERS, *PROXIES)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = dict(os.environ)
    for name in NAMES:
        for spelling in (name, name.lower()):
            os.environ.pop(spelling, None)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ('"http://ann:hush@proxy.example:3128"', "is in quotes"),
        ("\u201chttp://proxy.example:3128\u201d", "is in quotes"),
        ("http://proxy.example:3128\n", "blanks around it"),
        ("ftp://ann:hush@proxy.example", "is not the address of a proxy"),
        ("http://ann:hush@proxy.example:port", "is not the address of a proxy"),
        ("http://", "names no host"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(name: str, value: str, advice: str) -> None:
    os.environ[name] = value
    [(variable, fault)] = variable_faults()
    assert variable == name
    assert fault.startswith(f"{name} ")
    assert advice in fault
    assert "hush" not in fault


def test_a_socks_proxy_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "socksio", None)
    os.environ["ALL_PROXY"] = "socks5://127.0.0.1:1080"
    with pytest.raises(Refused, match=r'ALL_PROXY.*pip install "httpx2\[socks\]".*Nothing was spent'):
        check_variables(simulate=False)


@pytest.mark.parametrize("value", ["http://proxy.example:3128", "proxy.example:3128", "http://ann:pw@10.0.0.1:80/"])
def test_a_usual_proxy_is_no_fault(value: str) -> None:
    os.environ["HTTPS_PROXY"] = value
    check_variables(simulate=False)


def test_certificates_that_are_not_there_are_named(tmp_path: Path) -> None:
    os.environ["SSL_CERT_FILE"] = str(tmp_path / "cacert.pem")
    assert f"names a file that does not exist: {tmp_path}/cacert.pem" in dict(variable_faults())["SSL_CERT_FILE"]
    (tmp_path / "cacert.pem").write_text("no certificate")
    assert "without readable certificates" in dict(variable_faults())["SSL_CERT_FILE"]
    del os.environ["SSL_CERT_FILE"]
    os.environ["SSL_CERT_DIR"] = str(tmp_path / "gone")
    assert "a folder that does not exist" in dict(variable_faults())["SSL_CERT_DIR"]


def test_all_faults_are_told_at_once_and_with_them_those_of_headers() -> None:
    os.environ |= {"HTTP_PROXY": "'a'", "SSL_CERT_FILE": "/nowhere.pem", "OPENAI_ORG_ID": "org-1\n"}
    with pytest.raises(Refused) as refused:
        check_variables(simulate=False)
    assert all(name in str(refused.value) for name in ("HTTP_PROXY", "SSL_CERT_FILE", "OPENAI_ORG_ID"))


def test_a_simulated_run_does_without_what_nobody_could_use() -> None:
    os.environ |= {"ALL_PROXY": "'a'", "SSL_CERT_FILE": "/nowhere.pem", "HTTPS_PROXY": "http://proxy.example"}
    check_variables(simulate=True)
    assert "ALL_PROXY" not in os.environ
    assert "SSL_CERT_FILE" not in os.environ
    assert os.environ["HTTPS_PROXY"] == "http://proxy.example"


def test_this_machine_is_reached_without_a_proxy_and_what_was_spared_stays_so() -> None:
    spare_loopback()
    assert "NO_PROXY" not in os.environ
    os.environ |= {"http_proxy": "http://proxy.example", "no_proxy": "intranet.example, localhost"}
    spare_loopback()
    assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == "intranet.example,localhost,127.0.0.1,::1"


@pytest.mark.parametrize(
    ("address", "is_near"),
    [
        ("http://127.0.0.1:80/v1", True),
        ("http://[::1]/v1", True),
        ("https://LOCALHOST", True),
        ("http://127.0.0.1.evil.example", False),
    ],
)
def test_only_this_machine_is_this_machine(address: str, is_near: bool) -> None:
    assert is_loopback(address) is is_near


def test_a_proxy_that_is_never_used_is_no_fault() -> None:
    os.environ |= {"HTTPS_PROXY": "'a'", "NO_PROXY": "*"}
    check_variables(simulate=False)


def test_a_client_that_cannot_be_opened_names_the_variable() -> None:
    os.environ["HTTPS_PROXY"] = '"http://proxy.example:3128"'
    with pytest.raises(Refused, match="HTTPS_PROXY is in quotes"):
        open_client(Provider(base_url="https://api.example.com/v1"), SecretStr("sk-test"), Settings(_env_file=None))


@pytest.mark.parametrize(
    "value",
    [
        "X-A: \u201chush\u201d",
        "X-A: a\nX-B: h\u00fcsh",
        "X-\u00c4: hush",
        "X A: hush",
        ": hush",
        "X-A: hush\x01",
        "X-A: hush\udce9",
    ],
)
@pytest.mark.parametrize("address", ["https://api.example.com/v1", "http://127.0.0.1:1/v1"])
def test_a_custom_header_that_cannot_be_sent_is_refused_and_not_told(value: str, address: str) -> None:
    os.environ[CUSTOM_HEADERS] = value
    assert list(dict(variable_faults())) == [CUSTOM_HEADERS]
    with pytest.raises(Refused, match=rf"{CUSTOM_HEADERS} has a character.*\(line \d\)") as refused:
        open_client(Provider(base_url=address), SecretStr("sk-test"), Settings(_env_file=None))
    assert "sh" not in str(refused.value).replace("such", "")


@pytest.mark.parametrize("value", ["X-Team: web", 'X-A: 1\r\n X-B :a:b; c="d"\n\n', "n\u00f6 header", "X-A:"])
def test_custom_headers_that_the_client_sends_are_no_fault(value: str) -> None:
    os.environ[CUSTOM_HEADERS] = value
    assert list(variable_faults()) == []
    with serving(lambda _asked: Reply({"data": []})) as server:
        provider = Provider(base_url=server.base_url)
        with open_client(provider, SecretStr("sk-test"), Settings(_env_file=None)) as client:
            list_models(client, server.base_url)
    assert server.counts == {"GET /v1/models": 1}
