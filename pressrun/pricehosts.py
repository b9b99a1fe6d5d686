"""Whose published prices apply at an address.

Invariant: a provider's prices apply at its own addresses only. A private address names nobody, so OpenAI's prices are
assumed there and whoever shows them says so; at any other address the prices are unknown.

OpenAI's regional addresses: https://developers.openai.com/api/docs/guides/data-residency. The addresses of the other
providers are those that genai-prices has.
"""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from genai_prices.data_snapshot import get_snapshot

from pressrun.frozen import Frozen

__all__ = ["AZURE", "OPENAI", "PriceList", "price_list"]

OPENAI, AZURE = "openai", "azure"
"""Ids of providers in genai-prices."""
OPENAI_HOST = re.compile(r"([a-z0-9-]+\.)?api\.openai\.com")
"""A region that is not in today's list (`eu.`, `us.`, `au.`, `in.`, `jp.`) is a region all the same."""
PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".home.arpa")
"""Names that public DNS never resolves: RFC 6761, RFC 6762, RFC 8375, and ICANN's resolution of 2024-07-29."""


class PriceList(Frozen):
    """The provider whose published prices apply at an address."""

    host: str
    """The address as reports name it: the host, and a port that is not the usual one."""
    provider: str | None = None
    """The provider's id in genai-prices; None when nothing says whose prices apply."""
    name: str = ""
    """The provider's name, for people."""
    is_regional: bool = False
    """Whether it is one of OpenAI's regional addresses, which cost more for newer models."""
    is_assumed: bool = False
    """Whether the address names no provider, so that OpenAI's prices are only assumed."""


def price_list(address: str) -> PriceList:
    """The price list of an address; a scheme may be missing. An address that cannot be read has no provider."""
    try:
        parts = urlsplit(address if "://" in address else f"https://{address}")
        host, port, path = (parts.hostname or "").rstrip("."), parts.port, parts.path
    except ValueError:
        host, port, path = "", None, ""
    if not host:
        return PriceList(host="the configured address")
    named = f"[{host}]" if ":" in host else host
    shown = named if port in (None, 80, 443) else f"{named}:{port}"
    if found := OPENAI_HOST.fullmatch(host):
        return PriceList(host=shown, provider=OPENAI, name="OpenAI", is_regional=found[1] is not None)
    if _is_private(host):
        return PriceList(host=shown, provider=OPENAI, name="OpenAI", is_assumed=True)
    return _known_to_genai(f"https://{host}{path}", shown)


def _is_private(host: str) -> bool:
    """Whether only a private network can resolve the host: a loopback or private IP, a bare name, a private suffix."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith(PRIVATE_SUFFIXES)


def _known_to_genai(url: str, shown: str) -> PriceList:
    for provider in get_snapshot().providers:
        found = re.match(provider.api_pattern, url)
        # The patterns are open at the end: `https://api\.groq\.com` also matches https://api.groq.com.example.
        if found and (url[found.end() :][:1] in ("", "/") or found[0][-1] in "/."):
            return PriceList(host=shown, provider=provider.id, name=provider.name)
    return PriceList(host=shown)
