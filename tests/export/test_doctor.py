from types import SimpleNamespace

import pytest

from export import doctor
from export.doctor import examine


def find(name: str):
    return next(symptom for symptom in examine() if symptom.name == name)


def test_each_package_has_one_owner():
    for package in ("zoo", "export", "cli"):
        assert find(f"package {package}").health == "good"


def test_a_second_owner_is_bad(monkeypatch):
    owners = {"cli": ["finezoo", "other"], "zoo": ["finezoo"], "export": ["finezoo"]}
    monkeypatch.setattr(doctor, "packages_distributions", lambda: owners)
    symptom = find("package cli")
    assert symptom.health == "bad"
    assert "other" in symptom.finding
    assert "environment of its own" in symptom.advice


def test_two_builds_of_onnx_runtime_are_bad(monkeypatch):
    both = [
        SimpleNamespace(name=name, version="1.0") for name in ("onnxruntime", "onnxruntime-gpu")
    ]
    monkeypatch.setattr(doctor, "distributions", lambda: both)
    assert find("onnxruntime").health == "bad"


def test_one_build_of_onnx_runtime_is_good_and_named():
    symptom = find("onnxruntime")
    assert symptom.health == "good"
    assert "CPUExecutionProvider" in symptom.finding


@pytest.mark.parametrize("name", ["torch on CUDA", "onnxruntime on CUDA"])
def test_a_missing_gpu_is_explained_and_no_fault(name, monkeypatch):
    monkeypatch.setattr(doctor, "explain_missing_cuda", lambda: "no driver")
    symptom = find(name)
    assert symptom.health == "absent"
    assert "no driver" in symptom.finding


def test_the_packaged_weights_are_looked_for():
    assert find("weights of efficientnet_lite0").finding == "installed"
