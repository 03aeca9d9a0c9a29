"""`zoo show`: one entry of the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Format, FormatOption

if TYPE_CHECKING:
    from zoo.recipes import Phase, Recipe
    from zoo.registry import Backbone


def show(
    name: Annotated[str, typer.Argument(help="A backbone or a recipe.")],
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Show all that the registry says of a backbone or a recipe."""
    from cli import render
    from zoo.registry import load_registry, to_data

    registry = load_registry()
    recipe = registry.recipes.get(name)
    entry = recipe or registry.backbone(name)
    if fmt is Format.JSON:
        render.print_json(to_data(entry))
    elif recipe is not None:
        render.print_facts(_describe_recipe(recipe))
    else:
        render.print_facts(_describe_backbone(registry.backbone(name)))


def _describe_backbone(backbone: Backbone) -> list[tuple[str, str]]:
    weights, contract = backbone.weights, backbone.preprocess
    facts = [
        ("backbone", backbone.name),
        ("", backbone.summary),
        ("network", f"{backbone.architecture} by {backbone.builder}"),
        ("size", f"{backbone.num_params:,} parameters, {backbone.macs / 1e9:.2f} GMACs"),
        ("input", f"{contract.size} px, {contract.interpolation} from {contract.resize} px"),
        ("mean, std", f"{contract.mean}, {contract.std}"),
        ("features", f"{backbone.feature_dim}, into {backbone.classifier}"),
        ("stages", " → ".join(backbone.stages)),
        ("weights", f"{weights.location} ({weights.source}), {weights.file}"),
        ("revision", weights.revision or ""),
        ("sha256", weights.sha256 or "not known"),
        ("licence", weights.license),
        ("paper", f"arXiv:{weights.paper}" if weights.paper else ""),
        ("origin", weights.origin_url or ""),
        *((f"{r.dataset} {r.metric}", f"{r.value:.3f} ({r.source})") for r in backbone.results),
        ("recipe", backbone.recipe),
        ("notes", backbone.notes),
    ]
    return [(name, value) for name, value in facts if value]


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
