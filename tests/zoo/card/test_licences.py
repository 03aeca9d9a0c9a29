import pytest

from tests.hub.card import LICENSES
from zoo.card.licences import _ON_THE_HUB, licence_of, name_licence
from zoo.registry import load_registry


@pytest.mark.parametrize(
    ("spdx", "identifier"),
    [
        ("Apache-2.0", "apache-2.0"),
        ("GPL-3.0-only", "gpl-3.0"),
        ("LGPL-2.1-or-later", "lgpl-2.1"),
        ("CC-BY-NC-4.0", "cc-by-nc-4.0"),
        ("ODbL-1.0", "odbl"),
        ("PDDL-1.0", "pddl"),
    ],
)
def test_what_the_hub_knows_is_called_as_it_does(spdx, identifier):
    found = name_licence(spdx)
    assert (found.identifier, found.name, found.link) == (identifier, None, None)


def test_what_only_spdx_knows_is_other_and_linked():
    found = name_licence("MIT-0")
    assert (found.identifier, found.name) == ("other", "mit-0")
    assert found.link == "https://spdx.org/licenses/MIT-0.html"
    assert found.terms == "permissive"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://ai.meta.com/models/dinov3-license/", "dinov3-license"),
        ("https://github.com/apple/ml-fastvit/blob/main/LICENSE", "ml-fastvit-license"),
        ("https://example.org/", "weights-license"),
        (None, "weights-license"),
    ],
)
def test_a_licence_of_its_own_is_called_by_its_address(address, name):
    assert name_licence("other", address=address).name == name


def test_an_address_with_a_password_is_not_linked():
    assert name_licence("other", address="https://me:secret@example.org/l").link is None


def test_every_identifier_is_one_that_the_hub_accepts():
    assert _ON_THE_HUB <= LICENSES


def test_every_backbone_in_the_registry_has_a_licence_that_the_hub_accepts():
    for backbone in load_registry().backbones.values():
        found = licence_of(backbone.weights)
        assert found is not None
        assert found.identifier in LICENSES
        assert found.identifier != "other" or (found.name and found.link)
