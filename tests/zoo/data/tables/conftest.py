"""Pictures and tables that name them."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Twenty different pictures, 00.png to 19.png."""
    for number in range(20):
        Image.new("RGB", (8, 8), (number * 10, 0, 0)).save(tmp_path / f"{number:02d}.png")
    return tmp_path


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write columns as a table of the format that its name says."""

    def save(columns: Mapping[str, Sequence[object]], name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [
            dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)
        ]
        with path.open("w", encoding="utf-8", newline="") as file:
            if path.suffix == ".jsonl":
                file.writelines(f"{json.dumps(row)}\n" for row in rows)
            else:
                table = csv.DictWriter(file, list(columns))
                table.writeheader()
                table.writerows(rows)
        return path

    return save
