"""A Python in which some packages are not installed."""

import subprocess
import sys

_LACKING = """
import sys

class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {lacking!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Lacking())
"""


def run_without(
    lacking: tuple[str, ...], code: str, *arguments: object
) -> subprocess.CompletedProcess[str]:
    """Run code in a process that cannot import some packages."""
    program = _LACKING.format(lacking=set(lacking)) + code
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
