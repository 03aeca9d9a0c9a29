"""Names and shapes of tensors, there and back."""

import torch

from zoo.backbones.tensor_names.names import Names

NAMES = Names(
    renames=((r"^first\.", "stem."), (r"\.lin\.", ".fc.")),
    shapes={r"^stem\.fc\.weight$": (-1, 2, 1, 1), r"\.gamma$": (-1,)},
    computed=r"\.index$",
    thirds={"qkv.bias": ("q_bias", "v_bias")},
)


def own():
    """A network's tensors; the middle third is what construction leaves there."""
    return {
        "first.lin.weight": torch.arange(6.0).reshape(3, 2),
        "first.gamma": torch.arange(4.0).reshape(4, 1, 1),
        "attn.qkv.bias": torch.tensor([1.0, 2.0, 0.0, 0.0, 5.0, 6.0]),
        "attn.index": torch.arange(4),
        "last.weight": torch.ones(2),
    }


def test_tensors_get_timms_names_and_shapes():
    found = NAMES.to_timm(own())
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        "stem.fc.weight": (3, 2, 1, 1),
        "stem.gamma": (4,),
        "attn.q_bias": (2,),
        "attn.v_bias": (2,),
        "last.weight": (2,),
    }


def test_the_way_back_leads_to_the_same_tensors():
    torch.testing.assert_close(NAMES.to_own(NAMES.to_timm(own()), own()), own(), rtol=0, atol=0)


def test_what_has_the_networks_names_keeps_them():
    file = {name: value + 1 for name, value in own().items()}
    torch.testing.assert_close(NAMES.to_own(file, own()), file, rtol=0, atol=0)


def test_what_is_used_by_nobody_comes_back_as_zeros():
    state = own() | {"attn.qkv.bias": torch.arange(6.0)}
    found = NAMES.to_own(NAMES.to_timm(state), own())["attn.qkv.bias"]
    assert found.tolist() == [0.0, 1.0, 0.0, 0.0, 4.0, 5.0]


def test_what_does_not_fit_is_left_for_whoever_loads_it_to_refuse():
    wrong = {
        "stem.fc.weight": torch.zeros(5),
        "attn.q_bias": torch.zeros(()),
        "attn.v_bias": torch.zeros(3, 3),
        "other": torch.zeros(1),
    }
    found = NAMES.to_own(wrong, own())
    assert found["first.lin.weight"].shape == (5,)
    assert found["attn.qkv.bias"].shape != own()["attn.qkv.bias"].shape
    assert "other" in found
    assert "last.weight" not in found


def test_names_of_nothing_change_nothing():
    assert Names().to_timm(own()).keys() == own().keys()
    assert Names().to_own(own(), own()).keys() == own().keys()
