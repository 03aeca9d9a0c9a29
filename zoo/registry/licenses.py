"""What a licence lets its user do: identifiers checked against SPDX, sorted into terms."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

Terms = Literal["permissive", "copyleft", "non-commercial", "custom"]
"""`custom`: none of the others, or not sorted here: to be read before anything is shipped."""

OTHER = "other"
"""Instead of an SPDX identifier, for a licence that has none; a link says which."""

_PERMISSIVE = frozenset(
    {
        *("0bsd", "afl-3.0", "apache-1.1", "apache-2.0", "artistic-2.0", "blueoak-1.0.0"),
        *("bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear", "bsl-1.0", "cc-by-2.0"),
        *("cc-by-3.0", "cc-by-4.0", "cc0-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0"),
        *("ecl-2.0", "etalab-2.0", "isc", "mit", "mit-0", "ms-pl", "ncsa", "odc-by-1.0"),
        *("pddl-1.0", "postgresql", "unlicense", "wtfpl", "zlib"),
    }
)
_COPYLEFT = ("agpl-", "cc-by-sa-", "cecill-2", "epl-", "eupl-", "gpl-", "lgpl-", "mpl-", "odbl-")
_NOT_COMMERCIAL = ("-nc-", "noncommercial")


@cache
def is_spdx(identifier: str) -> bool:
    """Tell whether SPDX lists a licence, a single one; case does not matter."""
    if not re.fullmatch(r"(?!licenseref-)[a-z0-9.+-]+", identifier.lower()):
        return False
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
    if commercial_use is False or any(part in name for part in _NOT_COMMERCIAL):
        return "non-commercial"
    if name in _PERMISSIVE:
        return "permissive"
    return "copyleft" if name.startswith(_COPYLEFT) else "custom"
