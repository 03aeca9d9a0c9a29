"""`zoo show`: all that is known of a backbone or a recipe, and where it is known from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Format, FormatOption, RegistryOption

if TYPE_CHECKING:
    from cli.render import Fact
    from zoo.registry import Backbone, FoundBackbone, Registry, Weights

SourcedFact = tuple[str, str, str]
"""Name, value, and where it is known from."""
OriginOf = Callable[[str], str]
"""Fields, such as `weights.license`, separated by spaces -> where they are known from."""

_MEASURED = (
    *("num_params", "macs", "min_size", "size_step", "fixed_size", "resizable"),
    *("feature_dim", "classifier", "stages"),
)
"""Fields that zoo measures itself where no registry states them."""


def show(
    name: Annotated[
        str,
        typer.Argument(
            help="A backbone or a recipe of the registry, timm/NAME, torchvision/NAME, "
            "hf-hub:org/name, BUILDER/ARCHITECTURE, or a model folder."
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
    from zoo.errors import UnknownBackboneError, UnknownRecipeError
    from zoo.registry import load_registry, to_data

    catalogue = load_registry(registry or ())
    recipe = catalogue.recipes.get(name)
    if recipe is not None:
        if fmt is Format.JSON:
            render.print_json(to_data(recipe))
        else:
            from cli.recipe import describe_recipe

            origin = catalogue.recipe_origins[name]
            render.print_facts([*describe_recipe(recipe), ("registry", origin)])
        return
    try:
        found = find_backbone(name, catalogue)
    except UnknownBackboneError:
        if get_close_matches(name, catalogue.recipes, n=1, cutoff=0.8):
            raise UnknownRecipeError(name, catalogue.recipes) from None
        raise
    if fmt is Format.JSON:
        render.print_json(to_data(found.backbone))
        for assumption in found.assumptions:
            render.note(f"assumed {assumption}")
    else:
        render.print_facts(_say_origins(_describe_backbone(found, catalogue)))


def _say_origins(facts: Sequence[SourcedFact]) -> Iterator[Fact]:
    """Say once where most facts are known from, and beside each other one where it is from."""
    usual, _ = Counter(origin for _, _, origin in facts).most_common(1)[0]
    for name, value, origin in facts:
        yield name, f"{value} (from {origin})" if origin not in (usual, "") else value
    yield "from", f"{usual}, where nothing else is said"


def _describe_backbone(found: FoundBackbone, registry: Registry) -> list[SourcedFact]:
    origin_of = _origins(found, registry)
    backbone = found.backbone
    facts = [
        *_network_facts(backbone, origin_of),
        *_weights_facts(backbone, origin_of),
        ("fine-tuned from", " ← ".join(_parents(backbone, registry)), origin_of("weights.base")),
        *((f"{r.dataset} {r.metric}", f"{r.value:.3f}", r.source) for r in backbone.results),
        ("recipe", backbone.recipe, origin_of("recipe")),
        ("notes", backbone.notes, origin_of("notes")),
        *(("assumed", assumption, "zoo") for assumption in found.assumptions),
    ]
    return [fact for fact in facts if fact[1].strip()]


def _origins(found: FoundBackbone, registry: Registry) -> OriginOf:
    """Tell of each field where it came from."""
    name = found.backbone.name
    registered = registry.backbones.get(name) is found.backbone

    def origin_of_one(field: str) -> str:
        if registered:
            return registry.origin_of(name, *field.split("."))
        return "the network itself" if field in _MEASURED else found.origin

    def origin_of(fields: str) -> str:
        return ", ".join(dict.fromkeys(map(origin_of_one, fields.split())))

    return origin_of


def _network_facts(backbone: Backbone, origin_of: OriginOf) -> list[SourcedFact]:
    contract = backbone.preprocess
    sizes = f"{backbone.min_size} px and more"
    if backbone.size_step > 1:
        sizes += f", multiples of {backbone.size_step}"
    if backbone.resizable:
        sizes += "; one at a time, rebuilt by --img-size"
    elif backbone.fixed_size:
        sizes = f"{contract.size} px only"
    size = f"{backbone.num_params:,} parameters, {backbone.macs / 1e9:.2f} GMACs"
    crop = f"{contract.size} px, {contract.interpolation} from {contract.resize} px"
    facts = [
        ("backbone", backbone.name, "name"),
        ("", backbone.summary, "summary"),
        ("family, task", f"{backbone.family}, {backbone.task}", "family task"),
        ("network", f"{backbone.architecture} by {backbone.builder}", "architecture builder"),
        ("size", size, "num_params macs"),
        ("input", crop, "preprocess.size preprocess.resize preprocess.interpolation"),
        ("input sizes", sizes, "min_size size_step fixed_size resizable"),
        ("mean, std", f"{contract.mean}, {contract.std}", "preprocess.mean preprocess.std"),
        (
            "features",
            f"{backbone.feature_dim}, into {backbone.classifier}",
            "feature_dim classifier",
        ),
        ("stages", " → ".join(backbone.stages), "stages"),
    ]
    return [(name, value, origin_of(fields)) for name, value, fields in facts]


def _weights_facts(backbone: Backbone, origin_of: OriginOf) -> list[SourcedFact]:
    from zoo.backbones.sources import is_here
    from zoo.registry import license_note

    weights = backbone.weights
    if weights.source == "none":
        return [("weights", "random", origin_of("weights.source"))]
    here = "on this machine" if is_here(weights) else "not fetched yet"
    place = f"{weights.location} ({weights.source}), {weights.file}; {here}"
    terms = f" ({weights.terms})" if license_note(backbone) else ""
    origin = origin_of("weights.source weights.location weights.file")
    facts = [
        ("licence", f"{weights.license or 'your own'}{terms}", "license weights.commercial_use"),
        ("", weights.license_url or "", "license_url"),
        ("paper", f"arXiv:{weights.paper}" if weights.paper else "", "paper"),
        ("origin", weights.origin_url or "", "origin_url"),
    ]
    return [
        ("weights", place, origin),
        *_identity(weights, origin_of),
        *((name, value, origin_of(f"weights.{fields}")) for name, value, fields in facts),
    ]


def _identity(weights: Weights, origin_of: OriginOf) -> list[SourcedFact]:
    """What pins the file down: from the registry, or else from the lock file."""
    from zoo.backbones.identity import lock_key
    from zoo.registry import Lock

    lock = Lock.default()
    locked = lock.get(lock_key(weights))
    unknown = ("sha256", "not known before the first download", "")
    digest = ("sha256", weights.sha256, origin_of("weights.sha256")) if weights.sha256 else unknown
    revision = ("revision", weights.revision or "", origin_of("weights.revision"))
    if locked is not None and len(weights.sha256 or "") < len(locked.sha256):
        digest = ("sha256", locked.sha256, str(lock.path))
    if locked is not None and not weights.revision:
        revision = ("revision", locked.revision or "", str(lock.path))
    return [revision, digest]


def _parents(backbone: Backbone, registry: Registry) -> Sequence[str]:
    from zoo.registry import lineage

    if backbone.name in registry.backbones:
        return lineage(registry, backbone.name)[1:]
    return backbone.weights.base
