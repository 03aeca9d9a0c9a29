"""What a licence lets its user do: identifiers checked against SPDX, sorted into terms."""

from __future__ import annotations

from functools import cache
from typing import Literal

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

Terms = Literal["permissive", "copyleft", "non-commercial", "custom"]
"""`custom`: a licence of its own, which has to be read before anything is shipped."""

OTHER = "other"
"""Instead of an SPDX identifier, for a licence that has none; a link says which."""

_PERMISSIVE = frozenset(
    {
        *("0bsd", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "bsl-1.0", "cc-by-3.0"),
        *("cc-by-4.0", "cc0-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "isc", "mit"),
        *("mit-0", "ncsa", "odc-by-1.0", "pddl-1.0", "unlicense", "zlib"),
    }
)


@cache
def is_spdx(identifier: str) -> bool:
    """Tell whether SPDX lists a licence; case does not matter."""
    try:
        canonicalize_license_expression(identifier)
    except InvalidLicenseExpression:
        return False
    return True


def terms_of(identifier: str, *, commercial_use: bool | None = None) -> Terms:
    """Sort a licence by what it allows.

    Args:
        identifier: An SPDX identifier, or `other`.
        commercial_use: What somebody who read an `other` licence found.
    """
    name = identifier.lower()
    if commercial_use is False or "-nc" in name or "noncommercial" in name:
        return "non-commercial"
    if name in _PERMISSIVE:
        return "permissive"
    return "custom" if name == OTHER else "copyleft"
