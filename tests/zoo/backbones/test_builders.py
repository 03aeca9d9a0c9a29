import pytest
import torch

from zoo.backbones.builders import BUILDERS
from zoo.registry import load_registry


@pytest.mark.parametrize("builder", list(BUILDERS))
def test_each_library_builds_a_network_of_a_thousand_classes(builder):
    with torch.device("meta"):
        network = BUILDERS[builder]("resnet18")
    assert network(torch.empty(1, 3, 64, 64, device="meta")).shape == (1, 1000)


def test_inception_is_built_without_its_auxiliary_output():
    entry = load_registry().backbone("inception_v3")
    with torch.device("meta"):
        network = BUILDERS[entry.builder](entry.architecture).train()
        output = network(torch.empty(2, 3, 299, 299))
    assert isinstance(output, torch.Tensor)
