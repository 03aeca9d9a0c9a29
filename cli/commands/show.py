"""`zoo show`: all that is known of a backbone or a recipe, and where it is known from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Format, FormatOption, RegistryOption

if TYPE_CHECKING:
    from zoo.recipes import Phase, Recipe
    from zoo.registry import Backbone, Found, Registry, Weights

Fact = tuple[str, str, str]
"""Name, value, and where it is known from."""
OriginOf = Callable[..., str]
"""Keys down to a field -> where it is known from."""

_MEASURED = ("num_params", "min_size", "feature_dim", "stages")
"""Fields that zoo measures itself where no registry states them."""


def show(
    name: Annotated[
        str,
        typer.Argument(
            help="A backbone or a recipe of the registry, timm/NAME, torchvision/NAME, "
            "hf-hub:org/name, or a model folder."
        ),
    ],
    registry: RegistryOption = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Show all that is known of a backbone or a recipe.

    With --format json, a backbone is printed as the entry that a registry file holds.
    """
    from cli import render
    from zoo.backbones.find import find_backbone
    from zoo.registry import load_registry, to_data

    catalogue = load_registry(registry or ())
    recipe = catalogue.recipes.get(name)
    if recipe is not None:
        if fmt is Format.JSON:
            render.print_json(to_data(recipe))
        else:
            origin = catalogue.recipe_origins[name]
            render.print_facts([*_describe_recipe(recipe), ("registry", origin)])
        return
    found = find_backbone(name, catalogue)
    if fmt is Format.JSON:
        render.print_json(to_data(found.backbone))
    else:
        render.print_table(("", "", "from"), _describe_backbone(found, catalogue))


def _describe_backbone(found: Found, registry: Registry) -> list[Fact]:
    origin_of = _origins(found, registry)
    backbone = found.backbone
    facts = [
        *_network_facts(backbone, origin_of),
        *_weights_facts(backbone, origin_of),
        ("fine-tuned from", " ← ".join(_parents(backbone, registry)), origin_of("weights", "base")),
        *((f"{r.dataset} {r.metric}", f"{r.value:.3f}", r.source) for r in backbone.results),
        ("recipe", backbone.recipe, origin_of("recipe")),
        ("notes", backbone.notes, origin_of("notes")),
        *(("assumed", assumption, "zoo") for assumption in found.assumptions),
    ]
    return [fact for fact in facts if fact[1].strip()]


def _origins(found: Found, registry: Registry) -> OriginOf:
    """Tell of each field where it came from."""
    name = found.backbone.name
    if registry.backbones.get(name) is found.backbone:
        return partial(registry.origin_of, name)

    def origin_of(*path: str) -> str:
        return "the network itself" if path[0] in _MEASURED else found.origin

    return origin_of


def _network_facts(backbone: Backbone, origin_of: OriginOf) -> list[Fact]:
    contract = backbone.preprocess
    sizes = f"{backbone.min_size} px and more"
    if backbone.size_step > 1:
        sizes += f", multiples of {backbone.size_step}"
    if backbone.fixed_size:
        sizes = f"{contract.size} px only"
    size = f"{backbone.num_params:,} parameters, {backbone.macs / 1e9:.2f} GMACs"
    crop = f"{contract.size} px, {contract.interpolation} from {contract.resize} px"
    features = f"{backbone.feature_dim}, into {backbone.classifier}"
    return [
        ("backbone", backbone.name, origin_of("name")),
        ("", backbone.summary, origin_of("summary")),
        ("family, task", f"{backbone.family}, {backbone.task}", origin_of("family")),
        ("network", f"{backbone.architecture} by {backbone.builder}", origin_of("architecture")),
        ("size", size, origin_of("num_params")),
        ("input", crop, origin_of("preprocess", "size")),
        ("input sizes", sizes, origin_of("min_size")),
        ("mean, std", f"{contract.mean}, {contract.std}", origin_of("preprocess", "mean")),
        ("features", features, origin_of("feature_dim")),
        ("stages", " → ".join(backbone.stages), origin_of("stages")),
    ]


def _weights_facts(backbone: Backbone, origin_of: OriginOf) -> list[Fact]:
    from zoo.backbones.sources import is_here

    weights = backbone.weights
    if weights.source == "none":
        return [("weights", "random", origin_of("weights", "source"))]
    here = "on this machine" if is_here(weights) else "not fetched yet"
    place = f"{weights.location} ({weights.source}), {weights.file}; {here}"
    terms = "" if weights.terms == "permissive" else f" ({weights.terms})"
    return [
        ("weights", place, origin_of("weights", "location")),
        *_identity(weights, origin_of),
        ("licence", f"{weights.license}{terms}", origin_of("weights", "license")),
        ("", weights.license_url or "", origin_of("weights", "license_url")),
        ("paper", f"arXiv:{weights.paper}" if weights.paper else "", origin_of("weights", "paper")),
        ("origin", weights.origin_url or "", origin_of("weights", "origin_url")),
    ]


def _identity(weights: Weights, origin_of: OriginOf) -> list[Fact]:
    """What pins the file down: from the registry, or else from the lock file."""
    from zoo.backbones.sources import lock_key
    from zoo.registry import Lock

    lock = Lock.default()
    locked = lock.get(lock_key(weights))
    unknown = ("sha256", "not known before the first download", "")
    digest = (
        ("sha256", weights.sha256, origin_of("weights", "sha256")) if weights.sha256 else unknown
    )
    revision = ("revision", weights.revision or "", origin_of("weights", "revision"))
    if locked is not None and len(weights.sha256 or "") < len(locked.sha256):
        digest = ("sha256", locked.sha256, str(lock.path))
    if locked is not None and not weights.revision:
        revision = ("revision", locked.revision or "", str(lock.path))
    return [revision, digest]


def _parents(backbone: Backbone, registry: Registry) -> Sequence[str]:
    from zoo.registry import lineage

    if backbone.name in registry.backbones:
        return lineage(registry, backbone.name)[1:]
    return [backbone.weights.base] if backbone.weights.base else []


def _describe_recipe(recipe: Recipe) -> list[tuple[str, str]]:
    facts = [("recipe", recipe.name), ("", recipe.summary), ("reference", recipe.reference)]
    facts += [
        (f"phase {number}", _describe_phase(phase))
        for number, phase in enumerate(recipe.phases, start=1)
    ]
    if any(phase.kind == "descend" for phase in recipe.phases):
        low, high = recipe.augment.crop_scale
        facts += [
            ("augment", f"crops of {low:.0%} to {high:.0%}, flips at {recipe.augment.flip:.0%}"),
            ("label smoothing", str(recipe.label_smoothing)),
            ("batch size", str(recipe.batch_size)),
        ]
    return [*facts, ("seed", str(recipe.seed))]


def _describe_phase(phase: Phase) -> str:
    if phase.kind == "solve":
        strengths = ", ".join(f"{strength:g}" for strength in phase.strengths)
        return f"solve the head; L2 strength among {strengths} by {phase.folds} folds"
    train = phase.train if isinstance(phase.train, str) else ", ".join(phase.train)
    return (
        f"train {train} for {phase.epochs} epochs: {phase.optimizer}, lr {phase.lr:g}, "
        f"layer decay {phase.layer_decay:g}, weight decay {phase.weight_decay:g}, "
        f"warm-up {phase.warmup:.0%}, BatchNorm {phase.batch_norm}"
    )
