"""A repository that zoo did not make, as a model folder of zoo's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from zoo.backbones.builders import find_builder
from zoo.backbones.entries.timm import from_config
from zoo.backbones.network import Network, build_network
from zoo.backbones.states import in_shape
from zoo.errors import RegistryError, WeightsError
from zoo.hub.interchange.describe import write_interchange
from zoo.hub.interchange.foreign import Foreign, read_foreign, with_license
from zoo.hub.interchange.labels import read_target
from zoo.hub.named_license import named_license
from zoo.model import ModelConfig, save_model
from zoo.model_files import CARD, WEIGHTS
from zoo.registry import Backbone, FoundBackbone, license_note
from zoo.storage import sha256_of
from zoo.targets import Target
from zoo.versions import zoo_version


def adopt(files: Path, repo: str, commit: str, to: Path) -> ModelConfig:
    """Write the model folder of a classifier that timm or transformers saved.

    It answers as it did: its own classifier is the head. From then on it is evaluated,
    fine-tuned, exported and verified as any other.

    Args:
        files: A folder with `config.json` and `model.safetensors` of the repository; of
            transformers, `preprocessor_config.json` too; `README.md` for its licence.
        repo: `org/name`.
        commit: What the files are of, 40 hex digits.
        to: A folder that holds no model yet.

    Raises:
        RegistryError: It holds no classifier of images that timm has.
        WeightsError: Its weights are missing, no safetensors, damaged, or of another network.
    """
    origin = f"hf-hub:{repo}"
    foreign = with_license(read_foreign(files, origin), named_license(files / CARD))
    target, assumptions = read_target(foreign.content, foreign.config.num_classes, origin)
    weights = {
        "source": "hub",
        "location": repo,
        "file": WEIGHTS,
        "revision": commit,
        "match": foreign.match,
        "sha256": sha256_of(files / WEIGHTS),
        "bytes": (files / WEIGHTS).stat().st_size,
    }
    found = from_config(origin, foreign.config, weights, f"{origin}@{commit}")
    config = _configure(found, target, (*foreign.assumptions, *assumptions))
    save_model(to, _build(config.backbone, foreign, target, origin), config)
    write_interchange(to)
    return config


def _configure(found: FoundBackbone, target: Target, assumptions: tuple[str, ...]) -> ModelConfig:
    note = license_note(found.backbone)
    return ModelConfig(
        backbone=found.backbone,
        preprocess=found.backbone.preprocess,
        targets=(target,),
        data_fingerprint="",
        recipe="adopted",
        pretrained=True,
        zoo_version=zoo_version(),
        base=(found.origin,),
        assumptions=(*found.assumptions, *assumptions),
        notes=() if note is None else (note,),
    )


def _build(backbone: Backbone, foreign: Foreign, target: Target, origin: str) -> Network:
    """Build the network with all tensors of the file, its classifier among them."""
    library = find_builder(backbone.builder)
    body = library.build(backbone.architecture, backbone.num_classes)
    if backbone.resizable:
        library.resize(body, backbone.preprocess.size)
    _load(body, foreign, backbone, origin)
    network = build_network(
        backbone, {target.name: target.num_outputs}, size=backbone.preprocess.size
    )
    try:
        network.load_library_state(_with_plain_head(body.state_dict(), backbone))
    except RuntimeError as cause:
        raise RegistryError(
            f"the classifier of {origin}, {backbone.classifier}, is no linear layer: {cause}",
            hint=f"train another in its place: zoo finetune {origin} DATA",
        ) from cause
    return network


def _load(body: nn.Module, foreign: Foreign, backbone: Backbone, origin: str) -> None:
    """Copy all tensors; none may be missing, left over, or of whole numbers for others."""
    expected = body.state_dict()
    _require_floats(foreign.state, expected, origin)
    try:
        body.load_state_dict(in_shape(foreign.state, expected))
    except RuntimeError as misfit:
        try:
            adapted = find_builder(backbone.builder).adapt(foreign.state, body)
            body.load_state_dict(adapted)
        except Exception as cause:
            # A library's converter fails in its own ways on what it has no rule for.
            raise WeightsError(
                f"the weights of {origin} do not fit {backbone.architecture}: {str(misfit)[:1000]}",
                hint="its config.json is of another network than its model.safetensors: ask its "
                "owner, or name an earlier commit with @",
            ) from cause
        _require_floats(adapted, expected, origin)


def _require_floats(
    state: Mapping[str, Tensor], expected: Mapping[str, Tensor], origin: str
) -> None:
    """Refuse tensors of another kind than the network's, which copying would make floats of.

    Raises:
        WeightsError: There is one.
    """
    for name, value in state.items():
        if name in expected and expected[name].is_floating_point() > value.is_floating_point():
            raise WeightsError(
                f"tensor {name} of {origin} holds {str(value.dtype).removeprefix('torch.')}, not "
                "floats",
                hint="ask its owner for weights that are not quantised",
            )


def _with_plain_head(state: dict[str, Tensor], backbone: Backbone) -> dict[str, Tensor]:
    """Write a classifier that is a convolution, or has no bias, as a linear layer."""
    weight, bias = f"{backbone.classifier}.weight", f"{backbone.classifier}.bias"
    if weight not in state:
        return state
    plain = state[weight].flatten(1)
    return state | {weight: plain, bias: state.get(bias, plain.new_zeros(len(plain)))}
