"""What processors of transformers' say, as contracts of zoo's."""

import json

import pytest

from zoo.backbones.entries.transformers_pixels import read_processor
from zoo.errors import RegistryError


def processor(folder, **fields) -> None:
    plain = {"resample": 2, "image_mean": [0.5] * 3, "image_std": [0.25] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(plain | fields))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"size": 96}, (96, 96, "squash")),
        ({"size": {"height": 96, "width": 96}}, (96, 96, "squash")),
        (
            {"size": {"shortest_edge": 110}, "do_center_crop": True, "crop_size": 96},
            (96, 110, "center"),
        ),
        (
            {
                "size": {"height": 110, "width": 110},
                "do_center_crop": True,
                "crop_size": {"height": 96, "width": 96},
            },
            (96, 110, "squash"),
        ),
        ({"size": {"shortest_edge": 224}, "crop_pct": 0.875}, (224, 256, "center")),
        ({"size": 224, "crop_pct": 0.875}, (224, 256, "center")),
        ({"size": {"shortest_edge": 384}, "crop_pct": 0.875}, (384, 384, "squash")),
    ],
)
def test_sizes_are_read_in_all_their_forms(tmp_path, fields, expected):
    processor(tmp_path, **fields)
    found, _ = read_processor(tmp_path / "preprocessor_config.json", "it")
    assert (found.size, found.resize, found.crop_mode) == expected


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"size": {"shortest_edge": 224}}, "not cropped"),
        ({"size": {"height": 96, "width": 64}}, "not square"),
        ({"size": 96, "rescale_factor": 1 / 127.5}, "rescale_factor"),
        ({"size": 96, "do_resize": False}, "does not resize"),
        ({}, "size"),
        ({"size": 96, "image_mean": [0.5]}, "unpack"),
        ({"size": 96, "image_std": [0.5, 0, 0.5]}, r"std must be positive, not \(0.5, 0.0, 0.5\)"),
        ({"size": 0}, "'0' is no size"),
        ({"size": -96}, "'-96' is no size"),
        ({"size": 10**9}, "'1000000000' is no size"),
        ({"size": {"height": "96", "width": "96"}}, "'96' is no size"),
        ({"size": {"shortest_edge": 0}, "crop_pct": 0.875}, "'0' is no size"),
        ({"size": {"shortest_edge": 224}, "crop_pct": 0}, "crop_pct is 0"),
        ({"size": {"shortest_edge": 224}, "crop_pct": 1e-300}, "crop_pct is 1e-300"),
        ({"size": {}}, "it has no 'height'"),
    ],
)
def test_what_no_contract_says_is_refused(tmp_path, fields, said):
    processor(tmp_path, **fields)
    with pytest.raises(RegistryError, match=said) as caught:
        read_processor(tmp_path / "preprocessor_config.json", "it")
    assert caught.value.hint


def test_pixels_that_are_not_normalised_stay_in_their_range(tmp_path):
    processor(tmp_path, size=96, do_normalize=False)
    found, _ = read_processor(tmp_path / "preprocessor_config.json", "it")
    assert (found.mean, found.std) == ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def test_a_filter_that_zoo_has_not_is_an_assumption(tmp_path):
    processor(tmp_path, size=96, resample=1)
    found, assumed = read_processor(tmp_path / "preprocessor_config.json", "it")
    assert found.interpolation == "bicubic"
    assert "Pillow's 1" in assumed[0]
