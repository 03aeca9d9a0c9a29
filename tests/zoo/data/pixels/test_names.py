import subprocess
import sys

import pytest

from zoo.data import pixels


def test_every_public_name_exists():
    assert list(pixels.__all__) == sorted(pixels._HOMES)
    for name in pixels.__all__:
        assert getattr(pixels, name).__module__ == f"zoo.data.pixels.{pixels._HOMES[name]}"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'magic'"):
        pixels.magic  # noqa: B018


def test_listing_stores_imports_no_torch():
    code = (
        "import sys; from pathlib import Path; from zoo.data.pixels import list_stores;"
        "list_stores(Path('.')); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
