from dataclasses import dataclass

import pytest
import torch
from torch import nn

from export import exporters
from export.attempts import export_first_that_passes, exporters_for
from export.exporters import EXPORTERS
from export.graph import Graph, export_graph
from export.session import open_session
from tests.export.small_models import KIND
from tests.export.tiny_networks import make_images, make_tiny
from zoo.errors import DeviceError, ExportError, VerificationError


@dataclass(frozen=True)
class Judgement:
    """A verification, as far as attempts are concerned."""

    verdict: str
    reason: str = ""

    def raise_if_failed(self):
        if self.verdict == "fail":
            raise VerificationError(self.reason)


def graph_of(exporter):
    return Graph(
        content=exporter.encode(), weights=None, exporter=exporter, opset=20, dynamic_size=False
    )


def judge_by(**verdicts):
    """Let a graph pass, fail or be no model at all, by its exporter."""

    def verify(graph):
        found = verdicts[graph.exporter]
        if isinstance(found, Exception):
            raise found
        return Judgement(found, f"{graph.exporter} is wrong")

    return verify


def refuse(*names):
    def export(exporter):
        if exporter in names:
            raise ExportError(f"{exporter} refuses")
        return graph_of(exporter)

    return export


def outcomes(exported):
    return [(a.exporter, a.outcome, a.reason) for a in exported.attempts]


def test_the_choice_is_one_exporter_or_both():
    assert exporters_for("auto") == ("dynamo", "torchscript")
    assert exporters_for("torchscript") == ("torchscript",)


def test_what_passes_first_is_kept_and_nothing_else_tried():
    found = export_first_that_passes(EXPORTERS, graph_of, judge_by(dynamo="pass"))
    assert found.passed
    assert found.graph.exporter == "dynamo"
    assert outcomes(found) == [("dynamo", "kept", None)]


def test_what_fails_gives_way_to_what_passes_and_it_is_said_why():
    found = export_first_that_passes(
        EXPORTERS, graph_of, judge_by(dynamo="fail", torchscript="pass")
    )
    assert found.passed
    assert found.graph.exporter == "torchscript"
    assert outcomes(found) == [
        ("dynamo", "failed", "dynamo is wrong"),
        ("torchscript", "kept", None),
    ]


def test_a_refusal_gives_way_too():
    found = export_first_that_passes(EXPORTERS, refuse("dynamo"), judge_by(torchscript="pass"))
    assert outcomes(found) == [
        ("dynamo", "refused", "dynamo refuses"),
        ("torchscript", "kept", None),
    ]


def test_of_two_failures_the_first_is_left_with_both_reasons():
    found = export_first_that_passes(
        EXPORTERS, graph_of, judge_by(dynamo="fail", torchscript="fail")
    )
    assert not found.passed
    assert found.graph.exporter == "dynamo"
    assert found.report.reason == "dynamo is wrong"
    assert [reason for *_, reason in outcomes(found)] == [
        "dynamo is wrong",
        "torchscript is wrong",
    ]


def test_a_failure_is_left_where_the_other_refuses():
    found = export_first_that_passes(EXPORTERS, refuse("dynamo"), judge_by(torchscript="fail"))
    assert not found.passed
    assert found.graph.exporter == "torchscript"


def test_what_cannot_even_be_opened_gives_way():
    verify = judge_by(dynamo=VerificationError("no model"), torchscript="pass")
    found = export_first_that_passes(EXPORTERS, graph_of, verify)
    assert outcomes(found)[0] == ("dynamo", "failed", "no model")
    assert found.graph.exporter == "torchscript"


def test_two_refusals_are_one_error_with_both_reasons():
    with pytest.raises(ExportError, match="dynamo refuses\ntorchscript refuses"):
        export_first_that_passes(EXPORTERS, refuse(*EXPORTERS), judge_by())


def test_a_refusal_and_a_file_that_cannot_be_opened_are_a_failed_verification():
    verify = judge_by(torchscript=VerificationError("no model"))
    with pytest.raises(VerificationError, match="dynamo refuses\nno model"):
        export_first_that_passes(EXPORTERS, refuse("dynamo"), verify)


def test_an_only_exporters_own_error_is_left_as_it_is():
    with pytest.raises(ExportError) as caught:
        export_first_that_passes(("dynamo",), refuse("dynamo"), judge_by())
    assert caught.value.problem == "dynamo refuses"


def test_an_error_that_is_nobodys_fault_is_not_swallowed():
    with pytest.raises(DeviceError):
        export_first_that_passes(EXPORTERS, graph_of, judge_by(dynamo=DeviceError("no GPU")))


class Burning(nn.Module):
    """A network that takes the traced batch for a constant, as an exporter may."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, pixel_values):
        return tuple(answer.reshape(3, -1) for answer in self.network(pixel_values))


def test_an_exporter_that_burns_the_batch_in_is_caught_and_replaced(tmp_path, monkeypatch):
    model = make_tiny("squeezenet", tmp_path, KIND)
    by_torchscript = exporters._export_by_torchscript

    def burn(network, *rest):
        return by_torchscript(Burning(network), *rest)

    monkeypatch.setattr(exporters, "_export_by_dynamo", burn)

    def verify(graph):
        session = open_session(graph.content, torch.device("cpu"))
        for batch in (1, 2, 7):
            images = make_images(batch)
            expected = model.outputs(images)["kind"]
            try:
                found = session.outputs(images)["kind"]
                # Float32 noise of a net of some ten layers with outputs near 1.
                torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
            except (ExportError, AssertionError) as error:
                return Judgement("fail", str(error))
        return Judgement("pass")

    found = export_first_that_passes(
        EXPORTERS, lambda exporter: export_graph(model, tmp_path, exporter=exporter), verify
    )
    assert found.passed
    assert found.graph.exporter == "torchscript"
    assert found.attempts[0].outcome == "failed"
