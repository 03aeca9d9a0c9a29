import pytest
import torch
from torch import nn

from zoo.backbones.measure import build_on_meta
from zoo.backbones.stages import find_stages
from zoo.errors import RegistryError
from zoo.registry import load_registry


def stages_of(builder, architecture, classifier, size=224):
    return find_stages(build_on_meta(builder, architecture, 1000), classifier, size)


def test_a_residual_network_has_the_stages_its_paper_has():
    assert stages_of("torchvision", "resnet50", "fc") == {
        "stem": ("conv1", "bn1"),
        "stage1": ("layer1",),
        "stage2": ("layer2",),
        "stage3": ("layer3",),
        "stage4": ("layer4",),
    }


def test_a_plain_list_of_convolutions_is_cut_where_it_pools():
    stages = stages_of("torchvision", "vgg16", "classifier.6")
    assert stages["stem"] == ("features.0", "features.2")
    assert stages["stage4"] == ("features.24", "features.26", "features.28")
    assert stages["neck"] == ("classifier.0", "classifier.3")


def test_batch_norm_goes_with_its_convolution():
    stages = stages_of("torchvision", "vgg16_bn", "classifier.6")
    assert stages["stem"] == ("features.0", "features.1", "features.3", "features.4")


def test_a_transformer_has_a_stage_a_block_and_its_embeddings_in_the_stem():
    stages = stages_of("torchvision", "vit_b_16", "heads.head")
    assert list(stages) == ["stem", *(f"block{i}" for i in range(1, 13))]
    assert stages["stem"] == ("conv_proj", "class_token", "encoder.pos_embedding")
    assert stages["block12"] == ("encoder.layers.encoder_layer_11", "encoder.ln")


def test_a_downsampling_layer_belongs_to_the_stage_it_leads_into():
    stages = stages_of("torchvision", "convnext_tiny", "classifier.2")
    assert stages["stage2"] == ("features.2", "features.3")
    stages = stages_of("torchvision", "densenet121", "classifier")
    assert stages["stage2"] == ("features.transition1", "features.denseblock2")


def test_windowed_attention_is_grouped_by_resolution_although_windows_change_the_batch():
    stages = stages_of("timm", "swin_tiny_patch4_window7_224", "head.fc")
    assert stages["stem"] == ("patch_embed",)
    assert stages["stage3"] == ("layers.2",)
    assert stages["stage4"] == ("layers.3", "norm")


def test_pooling_by_attention_is_a_neck():
    stages = stages_of("timm", "vit_base_patch16_siglip_224", "head")
    assert stages["neck"] == ("attn_pool",)


def test_modules_are_ordered_as_they_run_not_as_they_were_written():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(8, 2)
            self.last = nn.Conv2d(4, 8, 3, stride=2)
            self.first = nn.Conv2d(3, 4, 3, stride=2)

        def forward(self, x):
            return self.head(self.last(self.first(x)).mean((2, 3)))

    assert find_stages(Backwards(), "head", 32) == {"stem": ("first",), "stage1": ("last",)}


def test_parameters_that_evaluation_never_touches_are_in_a_stage_all_the_same():
    class WithSideOutput(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Conv2d(3, 4, 3, stride=2)
            self.side = nn.Linear(4, 2)
            self.head = nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.body(x).mean((2, 3)))

    assert find_stages(WithSideOutput(), "head", 32) == {
        "stem": ("body", "side.weight", "side.bias")
    }


def test_a_network_of_nothing_but_its_classifier_is_refused():
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2))
    with pytest.raises(RegistryError, match="no parameters before its classifier"):
        find_stages(network, "1", 8)


def test_looking_leaves_no_hooks_and_no_change_of_mode():
    network = build_on_meta("torchvision", "resnet18", 1000).train()
    find_stages(network, "fc", 64)
    assert network.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


@pytest.mark.parametrize("name", ["resnet18", "swin_t", "vit_small_patch16_dinov3.lvd1689m"])
def test_the_same_stages_are_found_on_the_cpu_and_at_another_size(name):
    entry = load_registry().backbone(name)
    torch.manual_seed(0)
    from zoo.backbones.builders import find_builder

    network = find_builder(entry.builder).build(entry.architecture, entry.num_classes)
    assert find_stages(network, entry.classifier, 128) == entry.stages
