import pytest

from zoo.registry.licenses import is_spdx, terms_of


@pytest.mark.parametrize(
    ("identifier", "terms"),
    [
        ("apache-2.0", "permissive"),
        ("MIT", "permissive"),
        ("bsd-3-clause", "permissive"),
        ("cc-by-4.0", "permissive"),
        ("cc-by-nc-4.0", "non-commercial"),
        ("cc-by-nc-sa-4.0", "non-commercial"),
        ("polyform-noncommercial-1.0.0", "non-commercial"),
        ("cc-by-sa-4.0", "copyleft"),
        ("agpl-3.0-only", "copyleft"),
        ("other", "custom"),
        ("busl-1.1", "custom"),
        ("cc-by-nd-4.0", "custom"),
        ("postgresql", "permissive"),
        ("mpl-2.0", "copyleft"),
    ],
)
def test_licences_are_sorted_by_what_they_allow(identifier, terms):
    assert terms_of(identifier) == terms


def test_a_custom_licence_that_forbids_commerce_counts_as_such():
    assert terms_of("other", commercial_use=False) == "non-commercial"
    assert terms_of("other", commercial_use=True) == "custom"


@pytest.mark.parametrize("identifier", ["apache-2.0", "Apache-2.0", "cc-by-nc-4.0", "bsl-1.0"])
def test_spdx_identifiers_are_known_in_any_case(identifier):
    assert is_spdx(identifier)


@pytest.mark.parametrize(
    "identifier",
    ["apache", "free", "", "dinov3-license", "other", "LicenseRef-Mine", "MIT OR Apache-2.0"],
)
def test_what_spdx_does_not_list_is_not_one(identifier):
    assert not is_spdx(identifier)
