"""The catalogue: which pretrained networks there are, and every fact about them."""

from zoo.registry.catalogue import FoundBackbone, Layer, Registry, lay_over, lineage
from zoo.registry.document import Document, list_mistakes, parse_document
from zoo.registry.entries import Backbone, Result, Weights, license_note, to_data
from zoo.registry.files import load_registry
from zoo.registry.lock import Lock

__all__ = [
    "Backbone",
    "Document",
    "FoundBackbone",
    "Layer",
    "Lock",
    "Registry",
    "Result",
    "Weights",
    "lay_over",
    "license_note",
    "lineage",
    "list_mistakes",
    "load_registry",
    "parse_document",
    "to_data",
]
