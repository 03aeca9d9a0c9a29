import subprocess
import sys

import pytest

import export
import zoo


@pytest.mark.parametrize("package", [zoo, export], ids=lambda package: package.__name__)
def test_every_public_name_exists(package):
    assert list(package.__all__) == sorted(package.__all__)
    for name in package.__all__:
        assert getattr(package, name).__module__.startswith(("zoo.", "export."))


def test_importing_zoo_imports_no_torch():
    code = "import sys, zoo; zoo.load_registry(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'magic'"):
        zoo.magic  # noqa: B018
