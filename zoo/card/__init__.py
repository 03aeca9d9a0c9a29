"""The model card of a repository on the Hub."""

from zoo.card.card import Card, render_card

__all__ = ["Card", "render_card"]
