"""Heads: from a backbone's features to the outputs of one target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from itertools import pairwise

import torch
from torch import Tensor, nn

from zoo.recipes import HeadRecipe


class Head(nn.Module):
    """Linear layers with ReLU between them, and a fixed map of the outputs to their units.

    The map is what standardises a value inside the network: its layers learn numbers around
    zero, and it answers in the user's units. `fold` makes it part of the last layer.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, num_features: int, num_outputs: int, recipe: HeadRecipe) -> None:
        super().__init__()
        widths = [num_features, *recipe.hidden]
        layers: list[nn.Module] = []
        for inside, outside in pairwise(widths):
            layers += [*_dropout(recipe), _linear(inside, outside, recipe), nn.ReLU()]
        self.hidden = nn.Sequential(*layers, *_dropout(recipe))
        self.last = _linear(widths[-1], num_outputs, recipe)
        self.register_buffer("scale", torch.ones(num_outputs))
        self.register_buffer("shift", torch.zeros(num_outputs))
        self._folded = True

    @property
    def is_linear(self) -> bool:
        """Whether it is a single linear layer, as a library's own classifier."""
        return not any(isinstance(layer, nn.Linear) for layer in self.hidden)

    def forward(self, features: Tensor) -> Tensor:
        """Map features [B, D] to outputs [B, K]."""
        outputs: Tensor = self.last(self.hidden(features))
        return outputs if self._folded else outputs * self.scale + self.shift

    def answer_in(self, scale: Sequence[float], shift: Sequence[float]) -> None:
        """Multiply the outputs by `scale` and add `shift`, one number an output."""
        self.scale.copy_(torch.tensor(scale))
        self.shift.copy_(torch.tensor(shift))
        self._folded = False

    @torch.no_grad()
    def fold(self, temperature: float = 1.0) -> None:
        """Make the map, and the division by a temperature, part of the last layer."""
        scale = self.scale.double() / temperature
        shift = self.shift.double() / temperature
        self.last.weight.copy_(self.last.weight.double() * scale.unsqueeze(1))
        self.last.bias.copy_(self.last.bias.double() * scale + shift)
        self._forget_map()

    @property
    def file_names(self) -> dict[str, str]:
        """Names of its tensors by what files call them: one linear layer is `weight`, `bias`."""
        own = [name for name in self.state_dict() if name not in ("scale", "shift")]
        return {name.removeprefix("last.") if self.is_linear else name: name for name in own}

    def folded_state(self) -> dict[str, Tensor]:
        """Return the tensors under their names in files, the map being part of them."""
        folded = deepcopy(self)
        folded.fold()
        state = folded.state_dict()
        return {name: state[own] for name, own in self.file_names.items()}

    def load_folded_state(self, state: Mapping[str, Tensor]) -> None:
        """Take tensors under their names in files; the inverse of `folded_state`.

        Raises:
            RuntimeError: Names or shapes do not fit.
        """
        own = self.file_names
        named = {own.get(name, name): value for name, value in state.items()}
        self.load_state_dict({"scale": self.scale, "shift": self.shift} | named)
        self._forget_map()

    def _forget_map(self) -> None:
        self.scale.fill_(1.0)
        self.shift.zero_()
        self._folded = True


def _dropout(recipe: HeadRecipe) -> list[nn.Module]:
    return [nn.Dropout(recipe.dropout)] if recipe.dropout else []


def _linear(inside: int, outside: int, recipe: HeadRecipe) -> nn.Linear:
    layer = nn.Linear(inside, outside)
    if recipe.init == "glorot":
        # X. Glorot, Y. Bengio, Understanding the difficulty of training deep feedforward
        # neural networks, AISTATS 2010; the first weights of Keras' Dense layers.
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    return layer
