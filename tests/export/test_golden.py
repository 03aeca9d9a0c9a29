import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from export.golden import write_golden
from export.golden_file import GOLDEN_FILE, read_golden
from export.parity import Tolerance
from export.samples import NUM_PROBED_SAMPLES
from export.tolerances import BlockTolerance
from tests.export.small_models import KIND, POSE, TAGS, label_photos
from zoo.manifest import check_file
from zoo.model import load_model

REAL_THEN_EDGES = [False] * NUM_PROBED_SAMPLES + [True] * 9


@pytest.fixture(scope="module")
def model(deployed):
    return load_model(deployed)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return label_photos(tmp_path_factory.mktemp("golden") / "photos", KIND, TAGS, POSE)


def test_it_holds_the_models_own_answers_to_real_images(deployed, model):
    golden = read_golden(deployed / GOLDEN_FILE)
    assert [name.startswith("(") for name in golden.inputs] == REAL_THEN_EDGES
    found = model.outputs(torch.from_numpy(golden.pixel_values))
    for target in golden.targets:
        # The same arithmetic in a batch of another size, which may sum in another order.
        assert (np.abs(found[target.name].numpy() - target.float32) <= target.bound).all()
        distance = np.abs(target.float64 - target.float32)
        assert distance.max() > 0, "float32 rounds"
        assert (distance <= target.bound).all()


def test_pictures_are_chosen_evenly_over_a_sorted_split(deployed):
    inputs = read_golden(deployed / GOLDEN_FILE).inputs[:NUM_PROBED_SAMPLES]
    kinds = {name.split("/")[0] for name in inputs}
    assert kinds == {"checks", "discs", "stripes"}


def test_each_value_has_its_own_bound_and_logits_share_one(deployed):
    by_name = {t.name: t for t in read_golden(deployed / GOLDEN_FILE).targets}
    assert all(len(set(row)) == 1 for row in by_name["kind"].bound)
    assert len(set(by_name["kind"].bound[:NUM_PROBED_SAMPLES].flat)) == 1
    assert all(len(set(row)) == 2 for row in by_name["Pose, in °"].bound)
    assert by_name["tags"].thresholds == (0.4, 0.6)
    assert by_name["Pose, in °"].thresholds is None


def test_the_manifest_knows_it(deployed):
    assert check_file(deployed, "golden.safetensors") == deployed / GOLDEN_FILE


def test_it_is_small(deployed):
    """Half a percent more than its pixels."""
    pixels = len(REAL_THEN_EDGES) * 3 * 64 * 64 * 4
    assert pixels < (deployed / GOLDEN_FILE).stat().st_size < pixels + 6_000


def test_the_same_model_writes_the_same_bytes(model, photos, far):
    first = write_golden(model, far, photos).read_bytes()
    assert write_golden(model, far, photos).read_bytes() == first


def test_without_pictures_it_holds_edge_inputs_alone(model, photos, far):
    golden = read_golden(write_golden(model, far, photos, pictures=False))
    assert {"(black)", "(white)", "(noise)"} <= set(golden.inputs)
    assert all(name.startswith("(") for name in golden.inputs)


def test_bounds_that_a_verification_measured_are_kept(model, photos, far):
    real = Tolerance(noise_floor=0.0, bound=0.125, spread=9.0)
    edges = tuple(replace(real, bound=float(at)) for at in range(1, 10))
    block = BlockTolerance(real=real, edges=edges)
    blocks = {KIND.name: [block], TAGS.name: [block], POSE.name: [block] * 2}
    golden = read_golden(write_golden(model, far, photos, blocks))
    for target in golden.targets:
        assert (target.bound[:NUM_PROBED_SAMPLES] == 0.125).all()
        assert (target.bound[NUM_PROBED_SAMPLES:] == np.arange(1, 10)[:, None]).all()
    golden = read_golden(write_golden(model, far, photos, blocks, pictures=False))
    for target in golden.targets:
        assert (target.bound == np.arange(1, 10)[:, None]).all()


def test_nothing_of_the_machine_is_in_it(deployed, tmp_path):
    """Names are of the last folder and the file, as in verification.json."""
    shutil.copyfile(deployed / GOLDEN_FILE, tmp_path / "golden.safetensors")
    golden = read_golden(tmp_path / "golden.safetensors")
    assert all(name.count("/") == 1 for name in golden.inputs[:NUM_PROBED_SAMPLES])
    assert str(deployed.parent) not in json.dumps([golden.inputs, golden.versions])
