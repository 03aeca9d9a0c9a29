"""Each way of breaking a graph is caught by the verification at its level, and located."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from export.graph import OPSET, export_graph
from export.locate import Location, locate
from export.locate.fresh import export_fresh
from export.number_level import ParityLevel
from export.verify import verify
from tests.export.breakage import (
    Breakage,
    burn_batch_in,
    change_weight,
    drop_sum,
    flip,
    rename_everything,
    replace_operator,
    round_to_half,
    scale_answer,
    set_attribute,
    shift,
    swap_inputs,
    swap_rows,
    use_batch_statistics,
    zero_channel,
)
from tests.export.small_models import AGE, KIND, as_file, label_photos
from tests.export.tiny_networks import make_images, make_tiny
from zoo.data.dataset import Samples
from zoo.model import TrainedModel

LAYER = "body.encoder.layers.encoder_layer_"
SLOW = pytest.mark.slow


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A mistake, what it does, and where it has to be found."""

    network: str
    done: Breakage
    module: str
    cause: str
    """Words that say what was done."""
    part: str = "module"
    folded: tuple[str, ...] = ()
    """Modules that are part of the same node."""
    by_values: str | None = None
    """The module to blame where names mean nothing; the same, unless a folded one comes first."""


BROKEN = {
    "LayerNorm with a wrong epsilon": Broken(
        network="vit",
        done=set_attribute("LayerNormalization", 2, epsilon=1e-3),
        module=f"{LAYER}1.ln_1",
        cause="epsilon is 0.001 instead of 1e-06",
    ),
    "BatchNorm with a wrong epsilon": Broken(
        network="densenet",
        done=set_attribute("BatchNormalization", 1, epsilon=1e-3),
        module="body.features.denseblock1.denselayer2.norm1",
        cause="epsilon is 0.001 instead of 1e-05",
    ),
    "BatchNorm left in training mode": Broken(
        network="densenet",
        done=use_batch_statistics(2),
        module="body.features.transition1.norm",
        cause="depends on the other images of the batch, as BatchNorm in training mode does",
    ),
    "a transpose with swapped axes": Broken(
        network="vit",
        done=set_attribute("Transpose", 7, perm=[2, 0, 3, 1]),
        module=f"{LAYER}0.self_attention",
        cause="perm is (2, 0, 3, 1) instead of (2, 0, 1, 3)",
    ),
    "a softmax along another axis": Broken(
        network="vit",
        done=set_attribute("Softmax", 1, axis=-2),
        module=f"{LAYER}1.self_attention",
        cause="axis is -2 instead of -1",
    ),
    "branches concatenated in another order": Broken(
        network="squeezenet",
        done=swap_inputs("Concat", 3),
        module="body.features.7",
        cause="reads relu_12 instead of relu_11",
    ),
    "a zeroed channel": Broken(
        network="squeezenet",
        done=change_weight("Conv", 6, zero_channel),
        module="body.features.4.expand3x3",
        cause="is zero in 1 of 64 places (0) along axis 0",
    ),
    "a changed bias": Broken(
        network="vit",
        done=change_weight("Add", 6, shift),
        module=f"{LAYER}1.self_attention",
        cause="in_proj_bias differs in 1 of 72 places (1)",
    ),
    "shuffled classes": Broken(
        network="vit",
        done=swap_rows("kind"),
        module="_heads.0.last",
        cause="its numbers are in another order: 0 is 1, 1 is 0",
        part="outputs",
    ),
    "GELU approximated": Broken(
        network="vit",
        done=set_attribute("Gelu", 1, approximate="tanh"),
        module=f"{LAYER}1.mlp.1",
        cause="approximate is tanh instead of none",
    ),
    "ReLU for hard swish": Broken(
        network="mobilenet",
        done=replace_operator("HardSwish", 5, "Relu"),
        module="body.features.6.block.0.2",
        cause="instead of HardSwish",
    ),
    "average pooling for maximum pooling": Broken(
        network="squeezenet",
        done=replace_operator(
            "MaxPool", 1, "AveragePool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1
        ),
        module="body.features.5",
        cause="instead of MaxPool",
    ),
    "padding on the wrong side": Broken(
        network="squeezenet",
        done=set_attribute("Conv", 3, pads=[2, 2, 0, 0]),
        module="body.features.3.expand3x3",
        cause="pads is (2, 2, 0, 0) instead of (1, 1, 1, 1)",
    ),
    "a wrong dilation": Broken(
        network="squeezenet",
        done=set_attribute("Conv", 6, pads=[2, 2, 2, 2], dilations=[2, 2]),
        module="body.features.4.expand3x3",
        cause="dilations is (2, 2) instead of (1, 1)",
    ),
    "attention with a wrong scale": Broken(
        network="vit",
        done=change_weight("Mul", 2, lambda array: array * np.float32(1.5)),
        module=f"{LAYER}1.self_attention",
        cause="Mul (",
    ),
    "a dropped shortcut": Broken(
        network="vit",
        done=drop_sum(1, keep=1),
        module=f"{LAYER}0",
        cause="is missing",
    ),
    "a dropped shortcut in a residual network": Broken(
        network="resnet",
        done=drop_sum(2),
        module="body.layer3.0",
        cause="is missing",
    ),
    "a burnt-in batch size": Broken(
        network="vit",
        done=burn_batch_in(0, 7),
        module="body",
        cause="is [",
    ),
    "a weight rounded to float16": Broken(
        network="resnet",
        done=change_weight("Conv", 4, round_to_half),
        module="body.layer2.0.bn2",
        cause="body.layer2.0.conv2.weight is rounded to float16",
        folded=("body.layer2.0.conv2",),
        by_values="body.layer2.0.conv2",
    ),
    "a mirrored kernel": Broken(
        network="resnet",
        done=change_weight("Conv", 2, flip),
        module="body.layer1.0.bn2",
        cause="is turned around along axis 3",
        folded=("body.layer1.0.conv2",),
        by_values="body.layer1.0.conv2",
    ),
    "the temperature applied twice": Broken(
        network="vit",
        done=scale_answer("kind", 0.5),
        module="_heads.0.last",
        cause="Mul (kind) added behind Gemm",
        part="outputs",
        by_values="",
    ),
}
SLOW_NETWORKS = {"resnet", "mobilenet"}
EVERY = [
    pytest.param(broken, marks=SLOW if broken.network in SLOW_NETWORKS else (), id=name)
    for name, broken in BROKEN.items()
]


@dataclass(frozen=True)
class Exported:
    """A network, its graph, and what a fresh export says."""

    model: TrainedModel
    folder: Path
    content: bytes
    fresh: ir.Model
    samples: Samples

    def break_it(self, broken: Broken) -> onnx.ModelProto:
        proto = onnx.load_from_string(self.content)
        broken.done(proto.graph)
        return proto


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Export a network once for all mistakes."""

    @cache
    def export(name: str) -> Exported:
        folder = tmp_path_factory.mktemp(name)
        model = make_tiny(name, folder / "model", KIND, AGE)
        content = export_graph(model, folder / "model").content
        fresh = export_fresh(model, OPSET)
        samples = label_photos(folder / "photos", KIND, AGE)
        return Exported(model, folder / "model", content, fresh, samples)

    return export


def find(found: Exported, proto: onnx.ModelProto) -> Location | None:
    content = proto.SerializeToString()
    return locate(found.model, content, make_images(8), fresh=found.fresh)


@pytest.mark.parametrize("broken", EVERY)
def test_a_mistake_fails_the_comparison_of_numbers_and_is_no_matter_of_structure(exported, broken):
    """All of these graphs are valid: only L1 can see them, and L3 where they cost points."""
    found = exported(broken.network)
    content = found.break_it(broken).SerializeToString()
    report = verify(found.model, found.folder, as_file(content), found.samples)
    assert report.levels["L0"].verdict == "pass"
    assert report.levels["L1"].verdict == "fail"
    assert isinstance(report.levels["L1"], ParityLevel)


@pytest.mark.parametrize("broken", EVERY)
def test_a_mistake_is_located_and_named(exported, broken):
    found = exported(broken.network)
    location = find(found, found.break_it(broken))
    assert location is not None
    assert (location.module, location.part) == (broken.module, broken.part)
    assert location.folded == broken.folded
    assert broken.cause in (location.cause or "")
    assert not location.error <= location.bound
    assert location.method == "names"


@pytest.mark.parametrize("broken", EVERY)
def test_a_mistake_in_a_graph_with_other_names_is_located_by_values(exported, broken):
    found = exported(broken.network)
    proto = found.break_it(broken)
    rename_everything(proto)
    location = find(found, proto)
    assert location is not None
    assert location.method == "values"
    wanted = broken.module if broken.by_values is None else broken.by_values
    assert location.module == wanted


@pytest.mark.parametrize(
    "network",
    ["vit", "densenet", "squeezenet", pytest.param("resnet", marks=SLOW)]
    + [pytest.param(name, marks=SLOW) for name in ("mobilenet", "convnext", "inception")],
)
def test_a_sound_graph_has_no_place_where_it_parts(exported, network):
    found = exported(network)
    assert locate(found.model, found.content, make_images(8), fresh=found.fresh) is None
