"""benchmarks/gpu_training.py where there is no GPU: that it runs, not what it finds."""

import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu_training.py"
SMALL = (
    *("--networks", "timm/test_resnet.r160_in1k", "timm/test_vit.r160_in1k", "--img-size", "32"),
    *("--steps", "2", "--warm-up", "1", "--batch-size", "4", "--rounds", "2"),
    *("--device", "cpu", "--workers", "0", "--no-compile"),
)


@pytest.fixture
def call(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
        runpy.run_path(str(SCRIPT), run_name="__main__")
        return capsys.readouterr().out.splitlines()

    return call


def test_one_table_names_the_device_and_has_a_row_a_network(call):
    device, _, heading, _, *rows = call(*SMALL)
    assert device.startswith("cpu: ")
    assert "fp32, not compiled" in device
    assert heading == "| network | size, px | synthetic, images/s | zoo, images/s | ratio |"
    names, sizes, without, with_images, ratios = zip(
        *(row.strip("| ").split(" | ") for row in rows), strict=True
    )
    assert names == ("test_resnet.r160_in1k", "test_vit.r160_in1k")
    assert set(sizes) == {"32"}
    assert all(float(rate) > 0 for rate in (*without, *with_images))
    assert all(float(ratio.strip("*")) > 0 for ratio in ratios)


def test_a_folder_with_too_few_images_is_said(call, photos, capsys):
    with pytest.raises(SystemExit):
        call(photos, *SMALL, "--batch-size", "16")
    assert "has 18 training images, not 48" in capsys.readouterr().err
