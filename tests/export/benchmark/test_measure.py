import json
import re

import pytest
import torch
from pydantic import TypeAdapter

from export.benchmark import Benchmark, BenchmarkSettings, benchmark_model
from export.benchmark.conditions import threads_spin
from export.benchmark.images import draw_images
from export.files import ONNX_FILE
from export.graph import export_graph
from export.hostile import remember
from tests.export.small_models import KIND, POSE, TAGS
from tests.export.tiny_networks import make_tiny
from zoo.errors import DamagedFileError, RunError, RunInterruptedError
from zoo.manifest import update_manifest
from zoo.progress import Silence
from zoo.storage import write_bytes

QUICK = BenchmarkSettings(
    batch_sizes=(1, 2), rounds=2, turn_s=0.0, warm_up_s=0.0, threads=1, compile=False
)


@pytest.fixture
def model(tmp_path):
    return make_tiny("mobilenet", tmp_path / "model", KIND)


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """That network as ONNX."""
    place = tmp_path_factory.mktemp("graph")
    return export_graph(make_tiny("mobilenet", place, KIND), place).content


@pytest.fixture
def folder(tmp_path, model, graph):
    """A model folder with float32 and, by its name, int8."""
    put(tmp_path / "model", graph, "model.onnx", "model_int8.onnx")
    return tmp_path / "model"


def put(folder, content, *names):
    """Give a model folder exported files, as `zoo export` would."""
    remember(content)
    files = [ONNX_FILE.with_name(name) for name in names]
    for file in files:
        write_bytes(folder / file, content)
    update_manifest(folder, [file.as_posix() for file in files])


class Notes(Silence):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def test_a_real_network_is_measured_at_every_batch_size(model, folder):
    found = benchmark_model(model, folder, QUICK)
    assert [batch.batch_size for batch in found.batches] == [1, 2]
    names = ["torch eager", "torch channels_last", "onnx cpu fp32", "onnx cpu int8"]
    assert [contender.name for contender in found.contenders] == names
    for batch in found.batches:
        assert [row.contender for row in batch.rows] == names
        for row in batch.rows:
            assert row.problem == ""
            assert len(row.rounds_ms) == 2
            assert min(row.rounds_ms) > 0
            assert row.images_per_second == pytest.approx(
                1e3 * batch.batch_size / row.milliseconds.median
            )
            assert row.warm_up.calls == 2
            # All compute the same network in float32, whose logits are of the order of 1.
            assert row.closeness.max_abs_difference < 1e-4
            assert row.closeness.agreement == 1
        assert batch.rows[0].speedup.median == 1
        assert batch.rows[0].closeness.max_abs_difference == 0
        assert set(batch.rows[2].placement) == {"CPUExecutionProvider"}


def test_the_json_holds_everything_and_reads_back_as_what_it_was(model, folder):
    found = benchmark_model(model, folder, QUICK)
    adapter = TypeAdapter(Benchmark)
    text = adapter.dump_json(found)
    assert adapter.validate_json(text) == found
    written = json.loads(text)
    assert written["format"] == 1
    assert written["conditions"]["threads"] == 1
    assert len(written["batches"][1]["rows"][0]["rounds_ms"]) == 2


def test_a_file_of_other_weights_is_fast_and_shows(model, folder):
    last = model.network.heads["kind"].last
    with torch.no_grad():  # classes in another order
        last.weight.copy_(last.weight.roll(1, 0))
        last.bias.copy_(last.bias.roll(1, 0))
    found = benchmark_model(model, folder, QUICK)
    torch_row, onnx_row = found.batches[1].rows[1:3]
    assert torch_row.closeness.max_abs_difference < 1e-4
    assert onnx_row.problem == ""
    assert onnx_row.closeness.max_abs_difference > 0.01
    assert onnx_row.closeness.agreement == 0


def test_several_targets_are_answered_and_compared(tmp_path):
    model = make_tiny("resnet", tmp_path / "model", KIND, TAGS, POSE)
    put(tmp_path / "model", export_graph(model, tmp_path / "model").content, "model.onnx")
    row = benchmark_model(model, tmp_path / "model", QUICK).batches[1].rows[-1]
    assert row.contender == "onnx cpu fp32"
    assert row.closeness.max_relative_difference < 1e-4
    assert row.closeness.agreement == 1


def test_without_an_export_pytorch_is_measured_and_the_listener_told(model, tmp_path):
    notes = Notes()
    found = benchmark_model(model, tmp_path / "model", QUICK, notes)
    assert [row.contender for row in found.batches[0].rows] == [
        *("torch eager", "torch channels_last"),
    ]
    assert any("zoo export" in note for note in notes.notes)


def test_onnx_alone_needs_an_export(model, tmp_path):
    with pytest.raises(RunError, match=re.escape("has no onnx/model.onnx")):
        benchmark_model(model, tmp_path / "model", BenchmarkSettings(runtimes=("onnx",)))


def test_a_file_that_was_changed_is_not_measured(model, folder):
    path = folder / ONNX_FILE
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DamagedFileError):
        benchmark_model(model, folder, QUICK)


def test_a_compiler_that_does_not_work_is_a_row(model, tmp_path, monkeypatch):
    from torch._dynamo.exc import TorchDynamoException

    def compile_nothing(network, *, dynamic):
        def refuse(images):
            raise TorchDynamoException("InvalidCxxCompiler: No working C++ compiler\nat line 1")

        return refuse

    monkeypatch.setattr(torch, "compile", compile_nothing)
    settings = BenchmarkSettings(batch_sizes=(1,), rounds=1, turn_s=0.0, warm_up_s=0.0)
    eager, channels_last, compiled = (
        benchmark_model(model, tmp_path / "model", settings).batches[0].rows
    )
    assert compiled.problem == "InvalidCxxCompiler: No working C++ compiler"
    assert compiled.milliseconds is None
    assert eager.milliseconds is not None
    assert channels_last.milliseconds is not None


def test_a_batch_that_does_not_fit_is_a_row_of_each_and_no_crash(model, folder, monkeypatch):
    def refuse(count, *_):
        if count == 2:
            raise MemoryError
        return draw_images(count, model.preprocess, 0)

    monkeypatch.setattr("export.benchmark.measure.draw_images", refuse)
    one, two = benchmark_model(model, folder, QUICK).batches
    assert all(row.problem == "" for row in one.rows)
    assert {row.problem for row in two.rows} == {"does not fit into memory"}


def test_threads_are_the_same_and_given_back(model, folder):
    before = torch.get_num_threads()
    seen = []

    class Watch(Notes):
        def advance(self, count, figures=""):
            seen.append(torch.get_num_threads())

    assert before == 2
    benchmark_model(model, folder, QUICK, Watch())
    assert set(seen) == {1}
    assert torch.get_num_threads() == before


def test_ctrl_c_says_where_and_leaves_nothing(model, folder):
    class Impatient(Notes):
        def advance(self, count, figures=""):
            if "round" in figures:
                raise KeyboardInterrupt

    with pytest.raises(RunInterruptedError, match="at batches of 1; nothing was written"):
        benchmark_model(model, folder, QUICK, Impatient())


def test_images_are_normalised_of_the_models_size_and_always_the_same(model):
    images = draw_images(2, model.preprocess, 0)
    assert images.shape == (2, 3, 32, 32)
    mean, std = (
        torch.tensor(x)[:, None, None] for x in (model.preprocess.mean, model.preprocess.std)
    )
    pixels = images * std + mean
    assert pixels.min() >= -1e-6
    assert pixels.max() <= 1 + 1e-6
    assert torch.equal(images, draw_images(2, model.preprocess, 0))
    assert not torch.equal(images, draw_images(2, model.preprocess, 1))


@pytest.mark.parametrize(
    ("policy", "spin"), [("PASSIVE", False), ("passive", False), ("ACTIVE", True)]
)
def test_onnx_runtime_waits_as_openmp_does(policy, spin, monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", policy)
    assert threads_spin() is spin


@pytest.mark.slow
def test_torch_compile_is_measured_at_every_batch_size(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "inductor"))
    model = make_tiny("vit", tmp_path / "model", KIND)
    settings = BenchmarkSettings(batch_sizes=(1, 2), rounds=1, turn_s=0.0, warm_up_s=0.0)
    for batch in benchmark_model(model, tmp_path / "model", settings).batches:
        row = batch.rows[2]
        assert (row.contender, row.problem) == ("torch compile", "")
        # It compiles at each batch size anew, which takes longer than any call of this network.
        assert row.warm_up.first_s > 10 * row.milliseconds.median / 1e3
        assert row.closeness.max_abs_difference < 1e-4
