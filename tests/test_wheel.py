"""The wheel as a user gets it: built, installed elsewhere, used from outside the checkout."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    place = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    return next(place.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment with the wheel; what it depends on comes from this one."""
    place = tmp_path_factory.mktemp("venv")
    venv.create(place, with_pip=True)
    site = next((place / "lib").glob("python*")) / "site-packages"
    here = Path(next(p for p in sys.path if p.endswith("site-packages")))
    python = place / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "-q", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    (site / "borrowed.pth").write_text(str(here))
    return place / "bin"


def test_the_wheel_holds_three_packages_and_the_catalogue(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if "dist-info" not in top} == {"zoo", "export", "cli"}
    assert "zoo/registry.json" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_installed_command_lists_the_catalogue(installed, tmp_path):
    done = subprocess.run(
        [installed / "zoo", "list"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "efficientnet_lite0" in done.stdout


def test_the_packages_are_the_wheels_own(installed, tmp_path):
    done = subprocess.run(
        [installed / "zoo", "doctor"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.count("owned by finezoo alone") == 3, done.stdout
