"""The first module at which an exported graph leaves PyTorch."""

from export.locate.find import choose_probe, locate
from export.locate.location import GrowthRow, Location

__all__ = ["GrowthRow", "Location", "choose_probe", "locate"]
