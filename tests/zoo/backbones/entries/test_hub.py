"""Repositories on the Hub as backbones: of zoo's own, of timm's layout, and of transformers'."""

import json
from dataclasses import replace
from traceback import format_exception

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from tests.export.small_models import make_model
from tests.hub.faults import Refuse
from zoo.backbones.claims import find_mistakes
from zoo.backbones.entries.folder import describe_folder
from zoo.backbones.find import find_backbone
from zoo.backbones.network import build_network
from zoo.backbones.sources import fetch_weights, is_here
from zoo.errors import RegistryError, WeightsError
from zoo.hub.interchange.describe import write_interchange
from zoo.hub.names import Reference
from zoo.hub.plan import make_plan
from zoo.hub.push import PushSettings, push
from zoo.manifest import write_manifest
from zoo.model import load_config, load_model, save_model
from zoo.registry.files import built_in_registry
from zoo.targets import ClassTarget, ValueTarget
from zoo.training.finetune import finetune
from zoo.training.plan import Settings

REPO = "alice/shapes"
REGISTRY = built_in_registry()
KIND = ClassTarget(name="kind", classes=("checks", "discs", "stripes"))
AGE = ValueTarget(name="age", columns=("age",), mean=(40.0,), std=(12.0,))


def find(name: str = REPO):
    return find_backbone(f"hf-hub:{name}", REGISTRY)


@pytest.fixture
def model(untrained):
    """Make a model folder as a run leaves it, of weights that began with pretrained ones."""

    def make(*targets, pretrained: bool = True, **facts):
        folder = untrained(*(targets or (KIND,)))
        config = load_config(folder)
        if pretrained:
            config = replace(config, pretrained=True, base=("./older", "efficientnet_lite0"))
        config = replace(config, **facts)
        save_model(folder, load_model(folder).network, config)
        write_interchange(folder)
        return folder

    return make


@pytest.fixture
def publish(hub):
    """Put a folder's files into a repository; the commit."""

    def put(folder, repo: str = REPO, **others: bytes | None) -> str:
        files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
        return hub.commit(repo, files | others)

    return put


def card(front: str) -> dict[str, bytes]:
    return {"README.md": f"---\n{front}\n---\n# Shapes\n".encode()}


def asked_for(hub) -> list[str]:
    """The files that were asked for, each once."""
    found = hub.log.of("*", "*/resolve/*", host="hub")
    return list(dict.fromkeys(exchange.path.rpartition("/")[2] for exchange in found))


@pytest.fixture
def another_machine(tmp_path_factory, monkeypatch):
    """Go on with an empty cache, and with the lock file."""

    def move():
        cache = str(tmp_path_factory.mktemp("other"))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", cache)
        monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", cache)

    return move


# What zoo pushed


def test_what_zoo_pushed_is_a_backbone_with_its_very_weights(hub, model, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub.accounts.token("alice"))
    folder = model()
    plan = make_plan(folder, card("license: apache-2.0"), allow_unverified=True)
    done = push(plan, Reference(repo=REPO), PushSettings())
    found = find()
    weights = found.backbone.weights
    assert (weights.source, weights.location, weights.revision) == ("hub", REPO, done.commit)
    network = build_network(found.backbone, {"label": 5}, weights=fetch_weights(weights).path)
    trained = load_model(folder).network.body.state_dict()
    assert all(torch.equal(trained[n], value) for n, value in network.body.state_dict().items())


def test_a_network_of_torchvisions_finds_its_own_names_again(tmp_path, publish):
    """Its file has timm's."""
    trained = make_model(tmp_path / "model", KIND, backbone="mobilenet_v2")
    publish(tmp_path / "model")
    entry = find().backbone
    network = build_network(entry, {"label": 5}, weights=fetch_weights(entry.weights).path)
    expected = trained.network.body.state_dict()
    assert all(torch.equal(expected[n], value) for n, value in network.body.state_dict().items())


def test_it_is_described_as_its_folder_is(model, publish):
    folder = model()
    publish(folder)
    here, there = describe_folder(folder).backbone, find().backbone
    place = {"source": "local", "location": str(folder), "revision": None}
    as_here = replace(there, name=here.name, weights=replace(there.weights, **place))
    assert as_here == here
    assert there.name == "shapes"
    assert there.weights.base == ("./older", "efficientnet_lite0")
    assert find_mistakes(there) == []


def test_a_model_of_several_targets_has_no_config_but_its_own(hub, model, publish):
    folder = model(KIND, AGE)
    assert not (folder / "config.json").exists()
    publish(folder)
    entry = find().backbone
    assert entry.num_classes == 4
    build_network(entry, {"label": 2}, weights=fetch_weights(entry.weights).path)


def test_a_revision_is_pinned_to_its_commit(model, publish):
    first = publish(model())
    publish(model(recipe="other"))
    pinned, newest = find(f"{REPO}@{first}"), find()
    assert pinned.backbone.weights.revision == first != newest.backbone.weights.revision
    assert "fine-tuned by other" in newest.backbone.summary
    assert "fine-tuned by none" in pinned.backbone.summary


@pytest.mark.parametrize("targets", [(KIND,), (KIND, AGE)])
def test_offline_the_cache_is_enough(hub, model, publish, monkeypatch, targets):
    publish(model(*targets))
    online = find()
    fetch_weights(online.backbone.weights)
    asked = len(hub.log)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert find() == online
    assert is_here(online.backbone.weights)
    assert len(hub.log) == asked


def test_a_mark_without_what_it_names_is_no_sign(model, publish):
    """Somebody trained further with another library, which took all of `config.json` along."""
    publish(model(), **{"zoo_config.json": None, "manifest.json": None})
    entry = find().backbone
    assert entry.summary == "tf_efficientnet_lite0 by timm, described from its own configuration"
    assert entry.weights.sha256 is None


def test_other_weights_than_the_manifest_records_are_refused(model, publish):
    folder = model()
    state = load_file(folder / "model.safetensors")
    publish(folder)
    save_file({name: value + 1 for name, value in state.items()}, folder / "model.safetensors")
    publish(folder)
    with pytest.raises(WeightsError, match=r"sha256 \w+… instead of"):
        fetch_weights(find().backbone.weights)


def test_another_configuration_than_the_manifest_records_is_refused(model, publish):
    folder = model()
    path = folder / "zoo_config.json"
    path.write_text(path.read_text().replace('"none"', '"made up"'))
    publish(folder)
    with pytest.raises(RegistryError, match=r"not what zoo pushed: .*zoo_config\.json is damaged"):
        find()


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (None, r"manifest\.json is missing"),
        (b"{}", "not a manifest"),
        (b'{"format": 1, "files": {"../x": {"sha256": "%s", "bytes": 1}}}' % (b"0" * 64), "'../x'"),
    ],
)
def test_without_a_manifest_nothing_is_taken(model, publish, manifest, said):
    publish(model(), **{"manifest.json": manifest})
    with pytest.raises(RegistryError, match=said):
        find()


def test_a_manifest_without_weights_is_refused(model, publish):
    folder = model()
    (folder / "model.safetensors").unlink()
    write_manifest(folder)
    publish(folder)
    with pytest.raises(RegistryError, match=r"no model\.safetensors in its manifest\.json"):
        find()


def test_weights_that_are_missing_are_said_to_be(model, publish):
    commit = publish(model(), **{"model.safetensors": None})
    with pytest.raises(WeightsError, match=rf"{REPO}@{commit} has no model\.safetensors"):
        fetch_weights(find().backbone.weights)


def test_a_commit_is_held_to_what_it_was(hub, model, publish, another_machine):
    folder = model()
    commit = publish(folder)
    find(f"{REPO}@{commit}")
    changed = model(recipe="other")
    for name in ("zoo_config.json", "manifest.json"):
        hub.forge(REPO, commit, name, (changed / name).read_bytes())
    another_machine()
    with pytest.raises(RegistryError, match="the same commit.* held other files"):
        find(f"{REPO}@{commit}")


@pytest.mark.slow
def test_it_is_trained_further_in_one_step(model, publish, photos, tmp_path):
    commit = publish(model(KIND, AGE))
    settings = Settings(recipe="linear-probe", img_size=64, device="cpu", workers=0)
    name = f"hf-hub:{REPO}@{commit}"
    run = finetune(name, photos, settings, output=tmp_path / "run")
    config = load_config(run.model_folder)
    assert config.base == (name, "./older", "efficientnet_lite0")
    assert config.backbone.weights.location == REPO


# Licences of what zoo pushed


@pytest.mark.parametrize("front", ["license: apache-2.0", "license: other", "tags: [x]", "- x"])
def test_the_licence_is_that_of_what_it_began_with(model, publish, front):
    publish(model(), **card(front))
    found = find()
    assert found.backbone.weights.license == "apache-2.0"
    assert not any("licence" in assumption for assumption in found.assumptions)


def test_its_owner_may_grant_less(model, publish):
    publish(model(), **card("license: cc-by-nc-4.0"))
    found = find()
    assert found.backbone.weights.terms == "non-commercial"
    assert any("began with has apache-2.0" in assumption for assumption in found.assumptions)


def test_what_began_with_random_weights_has_the_licence_of_its_card(model, publish):
    publish(model(pretrained=False), **card("license: mit"))
    weights = find().backbone.weights
    assert (weights.license, weights.base) == ("mit", ())


def test_without_a_card_nobody_knows_its_licence(model, publish):
    publish(model(pretrained=False))
    found = find()
    assert found.backbone.weights.license_url == f"https://huggingface.co/{REPO}"
    assert any("licence unknown" in assumption for assumption in found.assumptions)


def test_a_card_that_cannot_be_fetched_is_an_assumption(hub, model, publish):
    publish(model(), **card("license: cc-by-nc-4.0"))
    hub.faults.on("*", "*/README.md", Refuse(status=403), times=None)
    assert any("card" in assumption for assumption in find().assumptions)


@pytest.mark.parametrize("status", [400, 403, 404, 500])
@pytest.mark.parametrize("place", ["*/config.json", "*/model.safetensors", "/lfs/*"])
def test_a_token_that_the_server_echoes_is_not_shown(
    hub, model, publish, monkeypatch, status, place
):
    monkeypatch.setenv("HF_TOKEN", token := hub.accounts.token("alice"))
    publish(model())
    hub.faults.on("*", place, Refuse(status=status, message=f"token {token} is odd"), times=None)
    with pytest.raises(WeightsError) as caught:
        fetch_weights(find().backbone.weights)
    error = caught.value
    assert token not in "".join(format_exception(error))
    assert error.hint


@pytest.mark.parametrize(
    ("place", "status", "hint"),
    [
        ("*/config.json", 403, "ask its owner for access"),
        ("*/model.safetensors", 403, "ask its owner for access"),
        ("/lfs/*", 403, "expire"),
        ("*/model.safetensors", 418, "ask who runs the Hub"),
        ("/lfs/*", 500, "later"),
    ],
)
def test_who_is_refused_hears_what_to_do_about_it(hub, model, publish, place, status, hint):
    publish(model())
    hub.faults.on("*", place, Refuse(status=status), times=None)
    with pytest.raises(WeightsError, match="cannot fetch") as caught:
        fetch_weights(find().backbone.weights)
    assert hint in caught.value.hint


# timm's layout


def test_a_repository_of_timms_costs_one_request(hub, tmp_path, publish):
    network = timm.create_model("resnet10t", num_classes=3)
    timm.models.save_for_hf(network, tmp_path / "files", safe_serialization=True)
    publish(tmp_path / "files")
    entry = find().backbone
    assert (entry.architecture, entry.weights.match) == ("resnet10t", "name")
    assert asked_for(hub) == ["config.json"]


def test_what_transformers_wrapped_fits_its_network(tmp_path, publish):
    """Older versions save timm's network as a part of the wrapper."""
    network = timm.create_model("resnet10t", num_classes=3)
    timm.models.save_for_hf(network, tmp_path / "files", safe_serialization=True)
    wrapped = {f"timm_model.{name}": value for name, value in network.state_dict().items()}
    save_file(wrapped, tmp_path / "files" / "model.safetensors")
    publish(tmp_path / "files")
    entry = find().backbone
    built = build_network(entry, {"label": 2}, weights=fetch_weights(entry.weights).path)
    assert torch.equal(built.body.conv1[0].weight, network.conv1[0].weight)


# What is no classifier


def test_a_repository_of_another_kind_is_told_what_is_taken(hub):
    hub.commit(REPO, {"config.json": b'{"model_type": "bert", "architectures": ["BertModel"]}'})
    with pytest.raises(RegistryError, match=r"\(bert, BertModel\) is no classifier") as caught:
        find()
    for kind in ("pushed itself", "timm's layout", "convnextv2, resnet, swin, vit"):
        assert kind in caught.value.hint


def test_a_repository_that_says_nothing_is_refused(hub):
    hub.commit(REPO, {"pytorch_model.bin": b"a pickle"})
    with pytest.raises(RegistryError, match=r"has no config\.json"):
        find()


@pytest.mark.parametrize("content", [b"[]", b"no json", b'{"a": 1, "a": 2}', b"\xff"])
def test_a_config_that_is_none_is_refused(hub, content):
    hub.commit(REPO, {"config.json": content})
    with pytest.raises(RegistryError, match=r"config\.json of hf-hub:alice/shapes is"):
        find()


def test_a_missing_repository_or_revision_is_an_error_that_says_so(hub):
    with pytest.raises(WeightsError, match="Repository Not Found"):
        find("alice/none")
    hub.commit(REPO, {"config.json": b"{}"})
    with pytest.raises(WeightsError, match="Revision Not Found"):
        find(f"{REPO}@v9")


def test_offline_what_was_never_asked_for_is_not_said_to_be_missing(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="offline mode is enabled"):
        find()


def test_the_mark_is_in_what_zoo_writes(model):
    content = json.loads((model() / "config.json").read_text())
    assert content["zoo_config"] == "zoo_config.json"
