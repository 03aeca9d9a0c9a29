"""The Python blocks of the README and of docs/python.md, run as they stand."""

import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_the_python_blocks_of_a_page_run_one_after_the_other(page, shared_photos, capsys):
    shutil.copytree(shared_photos, "photos")
    shutil.copy(Path("photos/discs/03.png"), "img.jpg")
    names = {}
    for block in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
        exec(compile(block, page, "exec"), names)
    assert names["report"].verdict == "pass"
    printed = capsys.readouterr().out
    assert "img.jpg" in printed
    if page == "docs/python.md":
        assert "$.batch_size: Input should be greater than or equal to 1, not 0" in printed
        assert Path("sheet.png").exists()
        assert names["scores"] == names["run"].read().metrics["validation"]
