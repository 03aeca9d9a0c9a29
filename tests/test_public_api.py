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


def test_every_public_name_of_zoo_says_what_it_is():
    for name in zoo.__all__:
        said = getattr(zoo, name).__doc__ or ""
        # A dataclass without a docstring shows its signature instead.
        assert said, name
        assert not said.startswith(f"{name}("), name


def test_tab_completion_shows_the_public_names():
    assert dir(zoo) == zoo.__all__


def test_importing_zoo_imports_no_torch():
    code = "import sys, zoo; zoo.load_registry(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_data_is_opened_before_what_only_builds_and_scores_is_imported():
    """Together they take 280 MB: torchvision brings torch's compiler, torchmetrics scipy."""
    code = (
        "import sys, zoo; zoo.finetune; zoo.check_dataset; "
        "print({'torchvision', 'timm', 'torchmetrics', 'transformers', 'scipy', 'matplotlib', "
        "'triton', 'torch._dynamo'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'magic'"):
        zoo.magic  # noqa: B018
