"""The weights' licence in the words of the Hub, which knows some of SPDX's and a few others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from packaging.licenses import canonicalize_license_expression

from zoo.card.markdown import safe_address
from zoo.registry import Weights
from zoo.registry.licenses import OTHER, Terms, is_spdx, terms_of

_ON_THE_HUB = frozenset(
    {
        *("afl-3.0", "agpl-3.0", "apache-2.0", "apple-amlr", "apple-ascl", "artistic-2.0"),
        *("bigcode-openrail-m", "bigscience-bloom-rail-1.0", "bigscience-openrail-m"),
        *("bsd", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear", "bsl-1.0", "c-uda", "cc"),
        *("cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0"),
        *("cc-by-nc-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0"),
        *("cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0"),
        *("cc0-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0"),
        *("creativeml-openrail-m", "ecl-2.0", "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1"),
        *("eupl-1.2", "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "isc", "lgpl", "lgpl-2.1", "lgpl-3.0"),
        *("lppl-1.3c", "mit", "mpl-2.0", "ms-pl", "ncsa", "odbl", "odc-by", "ofl-1.1"),
        *("openrail", "openrail++", "osl-3.0", "pddl", "postgresql", "unlicense", "wtfpl", "zlib"),
    }
)
"""Identifiers of https://huggingface.co/docs/hub/repositories-licenses that stand for one text."""

_OTHERWISE_NAMED = {"odbl-1.0": "odbl", "odc-by-1.0": "odc-by", "pddl-1.0": "pddl"}
"""SPDX's names of licences that the Hub knows by another."""
_NO_NAMES = frozenset({"", "blob", "main", "master", "license", "licence", "legal", "raw", "tree"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CardLicence:
    """A licence as the front matter of a card states it."""

    identifier: str
    """One that the Hub knows, or `other`."""
    name: str | None = None
    """What an `other` licence is called: lower case, no spaces."""
    link: str | None = None
    """Where an `other` licence can be read."""
    terms: Terms

    @property
    def shown(self) -> str:
        """What people call it."""
        return self.name or self.identifier


def licence_of(weights: Weights) -> CardLicence | None:
    """Say what weights, and so what was fine-tuned from them, are licensed under.

    Returns:
        None where they have none: training began with random weights.
    """
    if not weights.license:
        return None
    return name_licence(
        weights.license, address=weights.license_url, commercial_use=weights.commercial_use
    )


def name_licence(
    identifier: str, *, address: str | None = None, commercial_use: bool | None = None
) -> CardLicence:
    """Find the Hub's words for a licence.

    Args:
        identifier: SPDX's or the Hub's, or `other`.
        address: Where it can be read.
        commercial_use: What somebody who read an `other` licence found.
    """
    terms = terms_of(identifier, commercial_use=commercial_use)
    wanted = identifier.lower()
    plain = re.sub(r"-(only|or-later)$", "", wanted)
    known = _OTHERWISE_NAMED.get(plain, plain)
    if known in _ON_THE_HUB:
        return CardLicence(identifier=known, terms=terms)
    link = safe_address(address)
    if link is None and is_spdx(identifier):
        link = f"https://spdx.org/licenses/{canonicalize_license_expression(identifier)}.html"
    name = _name_from(link) if wanted == OTHER else _slug(wanted)
    return CardLicence(identifier=OTHER, name=name, link=link, terms=terms)


def _name_from(address: str | None) -> str:
    """Call a licence by the last telling part of its address."""
    parts = urlsplit(address or "").path.lower().split("/")
    telling = [part for part in parts if part.partition(".")[0] not in _NO_NAMES]
    name = _slug(telling[-1].partition(".")[0]) if telling else "weights"
    return name if name.endswith(("license", "licence")) else f"{name}-license"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.+-]+", "-", text).strip("-") or "weights"
