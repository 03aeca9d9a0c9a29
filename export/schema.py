"""The JSON schema of `verification.json`, generated from the classes that it is written from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from export.attempts import Attempt
from export.finding import Finding
from export.image_sizes import SizeParity, SizesLevel
from export.levels import MetricLevel, PlacementLevel, StructureLevel, TargetScore
from export.locate import GrowthRow, Location
from export.number_level import BatchEffect, EdgeNumbers, ParityLevel, TargetNumbers
from export.parity import Difference
from export.pixel_level import PixelLevel, TargetPixels
from export.placement import NodePlacement
from export.precision import (
    Concession,
    Latency,
    NodeNoise,
    PrecisionReport,
    TargetChange,
    Trial,
)
from export.tf32 import Tf32Effect
from export.verification import Verification
from zoo.json_schema import DIALECT, add_docstrings, drop_titles

LEVELS = {
    "L0": StructureLevel,
    "L1": ParityLevel,
    "L1 sizes": SizesLevel,
    "L2": PixelLevel,
    "L3": MetricLevel,
    "L4": PlacementLevel,
}
"""What stands under each name in `levels`."""
_DESCRIBED = (
    *(*LEVELS.values(), Verification, BatchEffect, Difference, Finding, GrowthRow, Location),
    *(
        Attempt,
        Concession,
        EdgeNumbers,
        Latency,
        NodeNoise,
        NodePlacement,
        PrecisionReport,
        SizeParity,
        TargetChange,
        Trial,
        TargetNumbers,
        TargetPixels,
        TargetScore,
        Tf32Effect,
    ),
)


def committed_path() -> Path:
    """Find the schema that comes with zoo."""
    return Path(__file__).with_name("verification.schema.json")


def generate() -> dict[str, Any]:
    """Generate the schema; field docstrings become descriptions."""
    schema = TypeAdapter(Verification).json_schema(mode="serialization", schema_generator=_WithNull)
    drop_titles(schema)
    for described in _DESCRIBED:
        add_docstrings(schema["$defs"].get(described.__name__, schema), described)
    levels = schema["properties"]["levels"]
    schema["properties"]["levels"] = {
        "type": "object",
        "description": levels["description"],
        "properties": {
            name: {"$ref": f"#/$defs/{level.__name__}"} for name, level in LEVELS.items()
        },
        "required": ["L0", "L1", "L3"],
        "additionalProperties": False,
    }
    return {"$schema": DIALECT, **schema, "title": "zoo verification"}


class _WithNull(GenerateJsonSchema):
    """Says of every figure that it may be null: JSON knows neither NaN nor infinity."""

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        return {**super().float_schema(schema), "type": ["number", "null"]}
