"""docs/new-architecture.md, carried out as it stands on a copy of the tree."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from zoo.registry import Backbone
from zoo.run import Run

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "new-architecture.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (.*)$", PAGE, re.MULTILINE)
PART = re.compile(
    r"^## [^\n]*`(?P<file>[^`\n]+)`$|^```(?P<kind>\w*)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
"""A heading that names a file, or a block."""
pytestmark = pytest.mark.slow


class Reader:
    """Does what the page says, in its order, in a checkout of its own."""

    def __init__(self, tree):
        self.tree = tree
        self.printed = {}
        self.shown = {}

    def follow(self, page):
        file = None
        for part in PART.finditer(page):
            kind, body = part["kind"], part["body"]
            if part["file"]:
                file = self.tree / part["file"]
            elif kind == "diff":
                file.write_text(patched(file.read_text(), body))
            elif kind:
                file.write_text(body)
            else:
                first, _, output = body.partition("\n")
                command = first.removeprefix("$ ")
                self.shown[command] = lines(output)
                self.printed[command] = lines(self.call(command))

    def call(self, command, folder="."):
        """Run a command line that begins with `zoo` or `python`."""
        python = shlex.quote(sys.executable)
        words = {"zoo": f"{python} -c 'from cli.main import main; main()'", "python": python}
        word, _, rest = command.partition(" ")
        own = {"PYTHONPATH": self.tree, "XDG_CONFIG_HOME": self.tree / "config"}
        done = subprocess.run(
            f"{words[word]} {rest}",
            shell=True,
            cwd=self.tree / folder,
            env={**os.environ, **own, "CUDA_VISIBLE_DEVICES": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


def lines(output):
    return [line.rstrip() for line in output.splitlines()]


def patched(text, diff):
    """Apply a diff without line numbers; each of its hunks has exactly one place."""
    for hunk in diff.split("@@\n"):
        old = "".join(line[1:] for line in hunk.splitlines(keepends=True) if line[0] != "+")
        new = "".join(line[1:] for line in hunk.splitlines(keepends=True) if line[0] != "-")
        assert text.count(old) == 1, f"the page expects to find:\n{old}"
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def reader(shared_photos, tmp_path_factory):
    tree = tmp_path_factory.mktemp("checkout")
    for package in ("zoo", "export", "cli"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tree / package, ignore=ignore)
    shutil.copy(ROOT / "registry.json", tree)
    shutil.copytree(shared_photos, tree / "photos")
    reader = Reader(tree)
    reader.follow(PAGE)
    return reader


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_prints_what_the_page_shows(reader, command):
    shown, printed = reader.shown[command], reader.printed[command]
    if "finetune" in command:
        # Losses and times are another machine's.
        shown, printed = ([re.sub(r"[\d.]+", "#", line) for line in x] for x in (shown, printed))
    assert [line for line in shown if line not in printed] == [], "\n".join(printed)


def test_what_is_found_is_measured_and_what_is_not_is_assumed_aloud(reader):
    printed = reader.printed["zoo show pebble/pebble_s"]
    stages = next(line for line in printed if line.startswith("stages"))
    assert "stem → stage1 → stage2 → stage3" in stages
    assert stages.endswith("(from the network itself)")
    assert sum(line.startswith("assumed") for line in printed) == 2


def test_the_entry_on_the_page_is_the_one_that_was_printed_but_for_what_the_page_changes(reader):
    described = TypeAdapter(Backbone).validate_json((reader.tree / "entry.json").read_bytes())
    (entry,) = json.loads((reader.tree / "zoo.registry.json").read_text())["backbones"]
    entry = TypeAdapter(Backbone).validate_python(entry)
    assert entry == replace(described, summary=entry.summary, recipe="from-scratch")


def test_the_check_names_the_macs_that_follow_from_another_size(reader):
    file = reader.tree / "other.json"
    file.write_text((reader.tree / "zoo.registry.json").read_text().replace(": 224", ": 192"))
    with pytest.raises(
        AssertionError, match=r"macs \(pebble_s\): is 48899072, the network's is 35959808"
    ):
        reader.call("zoo registry check other.json")


def test_training_ends_in_a_finished_run_that_owns_up_to_random_weights(reader):
    run = Run(reader.tree / "runs" / "first-try")
    assert '"pretrained": false' in (run.path / "run.json").read_text()
    record = run.read()
    assert (record.status, record.pretrained) == ("complete", False)
    assert (record.backbone.name, record.recipe.name) == ("pebble_s", "from-scratch")
    assert record.metrics["validation"].num_samples > 0
    assert (run.model_folder / "model.safetensors").exists()


def test_the_entry_can_move_into_the_catalogue_as_it_is(reader):
    catalogue = json.loads((reader.tree / "registry.json").read_text())
    overlay = json.loads((reader.tree / "zoo.registry.json").read_text())
    for kind in ("backbones", "recipes"):
        catalogue[kind] += overlay.get(kind, [])
    (reader.tree / "registry.json").write_text(json.dumps(catalogue))
    facts = lines(reader.call("zoo show pebble_s", folder="photos"))
    assert "built-in, where" in next(line for line in facts if line.startswith("from"))


def test_links_lead_to_headings_that_exist():
    for file, heading in re.findall(r"\]\((\w+\.md)(?:#([\w-]+))?\)", PAGE):
        headings = re.findall(r"^#+ (.*)$", (ROOT / "docs" / file).read_text(), re.MULTILINE)
        assert not heading or heading in {h.lower().replace(" ", "-") for h in headings}
