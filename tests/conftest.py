"""Fixtures that many tests share: photos, a finished run, the command line, servers."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.hub.client import point_client_at
from tests.hub.server import HubServer
from tests.web_server import WebServer
from zoo.backbones.network import build_network
from zoo.model import ModelConfig, save_model, widths_of
from zoo.recipes import HeadRecipe
from zoo.registry import load_registry
from zoo.run import Run
from zoo.targets import Target, ValueTarget
from zoo.training.finetune import finetune
from zoo.training.plan import Settings

CLASSES = ("checks", "discs", "stripes")
IMAGE_SIZE = 64
"""Small enough for seconds, large enough for the networks."""


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


def draw(kind: str, number: int, size: tuple[int, int] = (80, 72)) -> Image.Image:
    """Draw one picture of a class; each number is another picture."""
    rng = np.random.default_rng([CLASSES.index(kind), number])
    height, width = size
    y, x = np.mgrid[:height, :width]
    period = rng.integers(8, 14)
    if kind == "stripes":
        shape = (x + rng.integers(period)) % period < period / 2
    elif kind == "checks":
        shape = ((x // period) + (y // period)) % 2 == 0
    else:
        cy, cx = rng.uniform(0.3, 0.7, 2) * (height, width)
        shape = (y - cy) ** 2 + (x - cx) ** 2 < (rng.uniform(0.2, 0.35) * height) ** 2
    dark, light = rng.uniform(0, 90, 3), rng.uniform(150, 255, 3)
    pixels = np.where(shape[..., None], light, dark) + rng.normal(0, 8, (height, width, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def make_photos(root: Path, count: int = 8, classes: tuple[str, ...] = CLASSES) -> Path:
    """Fill a folder with `count` pictures a class."""
    for kind in classes:
        (root / kind).mkdir(parents=True)
        for number in range(count):
            draw(kind, number).save(root / kind / f"{number:02d}.png")
    return root


def pytest_configure(config: pytest.Config) -> None:
    """Let the Hub's client upload files by a name that its own HTTP library gave up."""
    config.addinivalue_line(
        "filterwarnings", "ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning"
    )


@pytest.fixture(autouse=True)
def _few_threads() -> None:
    """Two threads: the machines that run this suite are small and shared."""
    torch.set_num_threads(2)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test works in an empty folder of its own."""
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))


@pytest.fixture(autouse=True, scope="session")
def _shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache folder for what outlives a test: nothing is read from the tester's or left there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("shared-cache")))
        yield


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache folder: no test finds the pixels that another one decoded."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(autouse=True)
def user_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty configuration folder: neither the tester's registry nor lock file counts."""
    folder = tmp_path_factory.mktemp("config")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    return folder / "zoo"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three classes with eight pictures each."""
    return make_photos(tmp_path / "photos")


@pytest.fixture(scope="session")
def shared_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, made once; not to be changed."""
    return make_photos(tmp_path_factory.mktemp("shared") / "photos", count=20)


@pytest.fixture(scope="session")
def finished(shared_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A probed efficientnet_lite0 with real weights; not to be changed."""
    settings = Settings(recipe="linear-probe", img_size=IMAGE_SIZE, device="cpu", workers=0)
    output = tmp_path_factory.mktemp("finished") / "run"
    return finetune("efficientnet_lite0", shared_photos, settings, output=output)


@pytest.fixture(scope="session")
def backbone():
    """The registry's entry that the tests train."""
    return load_registry().backbone("efficientnet_lite0")


@pytest.fixture
def untrained(backbone, tmp_path: Path) -> Callable[..., Path]:
    """Write the model folder of a network with random weights that answers any targets."""

    def write(
        *targets: Target, head: HeadRecipe | None = None, size: int = 32, name: str = "untrained"
    ) -> Path:
        head = head or HeadRecipe()
        network = build_network(backbone, widths_of(targets), head=head, size=size, seed=1)
        for target in targets:
            if isinstance(target, ValueTarget):
                network.heads[target.name].answer_in(target.std, target.mean)
        config = ModelConfig(
            backbone=backbone,
            preprocess=backbone.preprocess.at_size(size),
            targets=targets,
            head=head,
            data_fingerprint="0" * 64,
            recipe="none",
            pretrained=False,
            zoo_version="0",
        )
        save_model(tmp_path / name, network, config)
        return tmp_path / name

    return write


@pytest.fixture
def zoo(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """Call the command line in this process, as a user would in a wide terminal."""

    def call(*arguments: object) -> Outcome:
        from cli.main import main

        monkeypatch.setattr(sys, "argv", ["zoo", *map(str, arguments)])
        capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as leave:
            code = leave.code if isinstance(leave.code, int) else 1
        out, err = capfd.readouterr()
        return Outcome(code, out, err)

    return call


Zoo = Callable[..., Outcome]


@pytest.fixture
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback is reached directly, whatever the tester's environment says."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    # urllib reads the environment once, when it is first used.
    monkeypatch.setattr("urllib.request._opener", None)


@pytest.fixture
def web(_no_proxy: None) -> Iterator[WebServer]:
    """A web server on loopback."""
    with WebServer() as server:
        yield server


@pytest.fixture
def torch_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of torch's; where its downloads will lie."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def hub(
    _no_proxy: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HubServer]:
    """A Hub on loopback and an empty cache, for the official client here and in children."""
    from huggingface_hub import close_session

    with HubServer() as server:
        server.waits = point_client_at(server, tmp_path_factory.mktemp("hf"), monkeypatch)
        close_session()
        yield server
    close_session()
