import pytest
import torch

from zoo.backbones.builders import BUILDERS, find_builder
from zoo.errors import RegistryError
from zoo.registry import load_registry


@pytest.mark.parametrize("num_classes", [1000, 3])
@pytest.mark.parametrize("builder", ["timm", "torchvision"])
def test_each_library_builds_a_network_of_as_many_classes_as_asked(builder, num_classes):
    with torch.device("meta"):
        network = find_builder(builder).build("resnet18", num_classes)
    assert network(torch.empty(1, 3, 64, 64, device="meta")).shape == (1, num_classes)


@pytest.mark.parametrize("name", ["inception_v3", "googlenet"])
def test_a_network_with_side_outputs_is_built_without_them(name):
    entry = load_registry().backbone(name)
    with torch.device("meta"):
        network = find_builder(entry.builder).build(entry.architecture, 7).train()
        output = network(torch.empty(2, 3, 299, 299))
    assert output.shape == (2, 7)


def test_an_unknown_builder_is_an_error_that_names_those_there_are():
    with pytest.raises(RegistryError, match="no builder named 'keras'") as caught:
        find_builder("keras")
    assert all(name in caught.value.problem for name in BUILDERS)
