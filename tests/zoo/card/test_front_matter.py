import shutil

import pytest
from huggingface_hub import ModelCard, metadata_load

from tests.export.small_models import KIND
from tests.hub.card import check_card
from tests.zoo.card.made_up import change_config, make_run
from zoo.card import render_card


def load(text, tmp_path):
    path = tmp_path / "README.md"
    path.write_text(text, encoding="utf-8")
    return metadata_load(path)


@pytest.fixture
def facts(card, kind, tmp_path):
    return load(card(kind).text, tmp_path)


def test_the_hub_accepts_it(card, kind, hub):
    text = card(kind).text
    found = check_card(text)
    assert (found.errors, found.warnings) == ((), ())
    ModelCard(text).validate()
    assert hub.log.of("POST", "/api/validate-yaml")


def test_the_client_reads_back_the_results_that_were_recorded(runs, card):
    results = ModelCard(card("class").text).data.eval_results
    metrics = runs["class"].run.read().metrics["validation"]
    found = {(r.metric_type, r.metric_name): r.metric_value for r in results}
    # Written with six decimals.
    assert found == {
        ("accuracy", "top-1 accuracy"): pytest.approx(metrics.top1, abs=1e-6),
        ("f1", "macro-F1"): pytest.approx(metrics.macro_f1, abs=1e-6),
    }
    assert {r.dataset_split for r in results} == {"validation"}
    assert {r.task_type for r in results} == {"image-classification"}


def test_every_target_of_several_has_its_results(card):
    results = ModelCard(card("several").text).data.eval_results
    names = [r.metric_name for r in results]
    assert {name.partition(":")[0] for name in names} == {"kind", "tags", "Pose, in °"}


def test_each_kind_is_called_what_the_hub_calls_it(facts, kind):
    expected = {
        "class": ("image-classification", "multi-class-image-classification"),
        "labels": ("image-classification", "multi-label-image-classification"),
        "value": ("other", "image-regression"),
        "several": ("other", "multi-task"),
    }
    pipeline, tag = expected[kind]
    assert facts["pipeline_tag"] == pipeline
    assert tag in facts["tags"]
    assert facts["library_name"] == ("onnx" if kind == "several" else "timm")
    assert ("timm" in facts["tags"]) == (kind != "several")


def test_weights_that_are_not_from_the_hub_are_no_base_model(facts):
    assert "base_model" not in facts
    assert "datasets" not in facts


def changed_weights(runs, tmp_path, **changes):
    made = runs["class"]
    folder = shutil.copytree(made.folder, tmp_path / "model")
    backbone = made.run.read().backbone
    from zoo.registry import to_data

    entry = to_data(backbone)
    entry["weights"] |= changes
    change_config(folder, backbone=entry)
    return load(render_card(folder, made.run, repo_id="a/b").text, tmp_path)


def test_weights_from_the_hub_are_the_base_model(runs, tmp_path):
    source = {"source": "hub", "location": "timm/tf_efficientnet_lite0.in1k", "requirement": None}
    facts = changed_weights(runs, tmp_path, **source)
    assert facts["base_model"] == "timm/tf_efficientnet_lite0.in1k"
    assert facts["base_model_relation"] == "finetune"


def test_a_repository_is_not_the_base_of_its_own_next_state(runs, tmp_path):
    source = {"source": "hub", "location": "a/b", "requirement": None}
    assert "base_model" not in changed_weights(runs, tmp_path, **source)


def test_a_licence_that_the_hub_does_not_know_has_a_name_and_a_link(runs, tmp_path):
    address = "https://ai.meta.com/resources/models-and-libraries/dinov3-license/"
    facts = changed_weights(runs, tmp_path, license="other", license_url=address)
    assert facts["license"] == "other"
    assert facts["license_name"] == "dinov3-license"
    assert facts["license_link"] == address


def test_the_users_own_licence_stands_above_and_limits_stay(card, tmp_path):
    facts = load(card("class", license="mit").text, tmp_path)
    assert facts["license"] == "mit"


def test_a_data_set_of_the_hub_is_named(runs, tmp_path):
    made = make_run(tmp_path, KIND)
    record = made.run.read()
    from dataclasses import replace

    made.run.update(data=replace(record.data, given="hub:acme/shapes@main:small"))
    text = render_card(made.folder, made.run, repo_id="a/b").text
    facts = load(text, tmp_path)
    assert facts["datasets"] == ["acme/shapes"]
    dataset = facts["model-index"][0]["results"][0]["dataset"]
    assert (dataset["type"], dataset["config"]) == ("acme/shapes", "small")
    assert "https://huggingface.co/datasets/acme/shapes" in text
