import subprocess
import sys

import pytest

COMMANDS = [
    "list",
    "show",
    "fetch",
    "register",
    "registry",
    "finetune",
    "evaluate",
    "predict",
    "export",
    "verify",
    "benchmark",
    "doctor",
    "demo",
]


def test_help_names_every_command(zoo):
    outcome = zoo("--help")
    assert outcome.code == 0
    assert all(command in outcome.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(zoo, command):
    outcome = zoo(command, "--help")
    assert outcome.code == 0
    assert "Usage" in outcome.out


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list"], ["show", "resnet50"], ["finetune", "--help"]]
)
def test_what_only_looks_imports_no_heavy_library(arguments):
    code = (
        "import sys; sys.argv[0] = 'zoo'\n"
        "from cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'onnx', 'onnxruntime', 'timm', 'torchvision'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_error_says_what_is_wrong_and_what_to_do(zoo):
    outcome = zoo("show", "resnet5")
    assert outcome.code == 1
    assert outcome.out == ""
    assert "error: no backbone named 'resnet5'" in outcome.err
    assert "hint: did you mean 'resnet50'?" in outcome.err


def test_a_wrong_option_is_the_command_lines_own_error(zoo):
    outcome = zoo("finetune", "--no-such-option")
    assert outcome.code == 2
    assert "No such option" in outcome.err


def test_programming_errors_keep_their_traceback(zoo, monkeypatch):
    monkeypatch.setattr("zoo.registry.load_registry", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        zoo("list")
