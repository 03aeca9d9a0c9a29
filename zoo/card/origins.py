"""Where a model comes from, as far as the Hub and the web know the place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from zoo.card.facts import Facts
from zoo.data.hub_datasets import HubDataset, parse_hub_dataset
from zoo.errors import DataError

_TAGGED = re.compile(r"timm/[\w.-]+\.[\w.-]+")
"""Weights that timm keeps on the Hub under this very name; without a tag, timm chooses."""
_REPO = re.compile(r"hf-hub:(?P<repo>[\w.-]+/[\w.-]+)(@.*)?")
_PAGES = {
    "timm": "https://github.com/huggingface/pytorch-image-models",
    "torchvision": "https://pytorch.org/vision/stable/models.html",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What training began with."""

    repo: str | None
    """The repository on the Hub that the weights came from, if one is known."""
    page: str | None
    """Where the weights' makers describe them."""


def origin_of(facts: Facts) -> Origin:
    """Find where the pretrained weights came from."""
    if not facts.config.pretrained:
        return Origin(repo=None, page=None)
    weights = facts.config.backbone.weights
    known = [weights.location] if weights.source == "hub" else []
    known += _repositories(facts.config.base)
    # A model that goes on from an earlier state of its own repository comes from what that did.
    repo = next((repo for repo in known if repo != facts.repo_id), None)
    page = f"https://huggingface.co/{repo}" if repo else weights.origin_url
    return Origin(repo=repo, page=page or _PAGES.get(facts.config.backbone.builder))


def dataset_of(facts: Facts) -> HubDataset | None:
    """Find the data set on the Hub that the model was trained on, if it was one."""
    given = facts.record.data.given if facts.record else ""
    try:
        return parse_hub_dataset(given)
    except DataError:
        return None


def _repositories(base: tuple[str, ...]) -> Iterator[str]:
    """List the ancestors that name a repository, the newest first."""
    for name in base:
        if found := _REPO.fullmatch(name):
            yield found["repo"]
        elif _TAGGED.fullmatch(name):
            yield name
