import io
import json
import shutil
from dataclasses import replace

import pytest
from PIL import Image

from tests.export.small_models import AGE, KIND, TAGS
from tests.zoo.card.made_up import ONNX, REPORT, SECRET, TOKEN, change_config, make_run, prove
from zoo.card import render_card
from zoo.errors import DamagedFileError
from zoo.manifest import update_manifest
from zoo.recipes import HeadRecipe
from zoo.storage import write_json


def test_the_same_model_gives_the_same_bytes_wherever_it_lies(made, tmp_path):
    first = render_card(made.folder, made.run, repo_id="acme/shapes")
    moved = shutil.copytree(made.run.path, tmp_path / "elsewhere")
    second = render_card(moved / "model", replace(made.run, path=moved), repo_id="acme/shapes")
    assert first.text == second.text
    assert first.pictures == second.pictures


def test_no_path_user_token_or_file_name_is_told(card, kind):
    found = card(kind)
    for content in found.files.values():
        assert SECRET.encode() not in content
        assert TOKEN.encode() not in content
    assert "/home/" not in found.text
    assert ".jpg" not in found.text.replace("photo.jpg", "")


def test_every_picture_is_shown_with_words_and_every_one_that_is_shown_exists(card, kind):
    found = card(kind)
    for name, content in found.pictures.items():
        assert f"]({name})" in found.text
        assert Image.open(io.BytesIO(content)).format == "PNG"
    shown = [line for line in found.text.splitlines() if line.startswith("![")]
    assert len(shown) == len(found.pictures)
    assert all(len(line.partition("]")[0]) > 30 for line in shown)


def test_pictures_say_nothing_of_the_software_that_drew_them(card):
    (content, *_) = card("class").pictures.values()
    assert not Image.open(io.BytesIO(content)).info.keys() - {"dpi"}


def test_the_first_sentence_has_the_figures(card, runs):
    text = card("class").text
    metrics = runs["class"].run.read().metrics["validation"]
    assert "tells 3 classes of images apart (checks, discs, stripes), and is right about " in text
    assert f"{100 * metrics.top1:.1f}% of 30 validation images (95% interval" in text
    assert "fine-tuned by the recipe `made-up` on 60 images" in text


def test_it_names_the_processor_and_does_not_guess_the_energy(card):
    text = card("class").text
    assert r"| processor | Some\_Processor 7 |" in text
    assert "Energy and emissions were **not measured**" in text


def test_a_model_that_was_proved_says_how_closely(card, kind):
    text = card(kind).text
    assert "the largest difference of an answer is 1.4e-05, and 1.2e-04 is allowed" in text
    assert "| L1 | Does it give the same numbers? | pass | 32 images, 9 edge inputs |" in text
    assert "| L2 | Does it see the same pixels? | not examined |" in text
    assert "Not verified" not in text


@pytest.mark.parametrize("harm", ["no-file", "missing", "failed", "other-file"])
def test_a_model_without_proof_says_so_in_a_box_at_the_top(runs, tmp_path, harm):
    made = runs["class"]
    folder = shutil.copytree(made.folder, tmp_path / "model")
    if harm == "failed":
        prove(made.model, folder, verdict="fail")
    elif harm == "other-file":
        prove(made.model, folder, sha256="0" * 64)
    else:
        gone = [REPORT] if harm == "missing" else [REPORT, ONNX]
        for name in gone:
            (folder / name).unlink()
        update_manifest(folder, gone)
    text = render_card(folder, made.run, repo_id="a/b", unverified=True).text
    top = text.partition("## ")[0]
    assert "> [!CAUTION]\n> **Not verified**: " in top
    assert "published so on purpose" in top
    assert "compared with the trained network before it was" not in text


def test_a_report_that_is_not_what_was_written_is_an_error(runs, tmp_path):
    folder = shutil.copytree(runs["class"].folder, tmp_path / "model")
    (folder / REPORT).write_text((folder / REPORT).read_text().replace("1.4066", "0.0000"))
    with pytest.raises(DamagedFileError, match="verification.json"):
        render_card(folder, runs["class"].run, repo_id="a/b")


def test_a_model_folder_alone_has_a_card_without_scores(made):
    text = render_card(made.folder, None, repo_id="a/b").text
    assert "No scores were recorded" in text
    assert "model-index" not in text
    assert "Images by" not in text


def test_an_adopted_model_is_its_makers(runs, tmp_path):
    folder = shutil.copytree(runs["class"].folder, tmp_path / "model")
    change_config(folder, data_fingerprint="", recipe="adopted", base=["hf-hub:acme/base@1"])
    text = render_card(folder, None, repo_id="a/b").text
    assert "as its makers published it" in text
    assert "fine-tuned by" not in text
    assert "fingerprint" not in text
    assert "base_model: acme/base\n" in text
    assert "base_model_relation" not in text


def test_variants_in_fewer_bits_are_reported_with_what_they_cost(runs, tmp_path):
    made = runs["class"]
    change = {
        "verdict": "kept",
        "kind": "class",
        "metric": "top1",
        "num_images": 30,
        "metric_float32": 0.8,
        "metric_variant": 0.79,
        "drop": 1.0,
        "agreement": 0.97,
        "max_abs_difference": 0.1,
    }
    report = {
        "precision": "int8",
        "verdict": "kept",
        "max_drop": 2.0,
        "size_bytes": 3_800_000,
        "size_float32_bytes": 13_500_000,
        "targets": {"kind": change},
        "latency": [{"batch_size": 1, "ratio": 0.51}],
        "device": "cpu",
    }
    refused = {**report, "precision": "fp16", "verdict": "refused"}
    folder = shutil.copytree(made.folder, tmp_path / "model")
    prove(made.model, folder, precisions={"int8": report, "fp16": refused})
    text = render_card(folder, made.run, repo_id="a/b").text
    row = "| `onnx/model_int8.onnx` | kind | top-1 79.0% | 80.0% | 1.00 | 2.00 | 97.0% | 3.8 MB |"
    assert row in text
    assert "| fp16: refused | kind |" in text
    assert "int8 took 0.51 times as long as float32 on the CPU." in text


def test_published_pictures_are_counted_and_only_if_they_are_published(runs, tmp_path):
    from safetensors.numpy import save_file

    made = runs["class"]
    folder = shutil.copytree(made.folder, tmp_path / "model")
    names = json.dumps({"inputs": [f"{SECRET}.jpg", f"{SECRET}-2.jpg", "(black)"]})
    save_file({}, folder / "golden.safetensors", metadata={"golden": names})
    with_them = render_card(folder, made.run, repo_id="a/b", allow_samples=True).text
    without = render_card(folder, made.run, repo_id="a/b").text
    assert "2 validation images are in `golden.safetensors`" in with_them
    assert SECRET not in with_them
    assert "golden.safetensors" not in without


def test_limits_follow_from_the_figures(card, tmp_path):
    text = card("class").text
    assert "3 classes were learnt from fewer than 30 images each: checks, discs, stripes." in text
    assert "measured on 30 images only" in text
    assert "On a GPU the ONNX file is unproved" in text
    assert "Validation images chose the epoch that was kept" in text
    many = make_run(tmp_path, KIND, counts={"train": 900, "validation": 300, "test": 300})
    text = render_card(many.folder, many.run, repo_id="a/b").text
    assert "fewer than 30" not in text
    assert "images only" not in text
    assert "The test images neither trained nor decided anything" in text
    assert "of 300 test images" in text


def test_thresholds_that_were_tuned_on_the_same_images_are_admitted(card):
    assert "their thresholds were chosen on the same" in card("labels").text


def test_random_weights_are_said_and_have_no_licence(tmp_path):
    made = make_run(tmp_path, AGE, pretrained=False)
    text = render_card(made.folder, made.run, repo_id="a/b").text
    assert "trained from random weights" in text
    assert "No licence is stated" in text
    assert "\nlicense:" not in text


def test_a_head_without_a_counterpart_is_explained(tmp_path):
    made = make_run(tmp_path, TAGS, head=HeadRecipe(hidden=(16,)))
    text = render_card(made.folder, made.run, repo_id="a/b").text
    assert "zoo, ONNX Runtime and transformers.js load this model as it is. timm and " in text
    assert "transformers cannot: its head has 1 hidden layer, and timm's has none. " in text
    assert "transformers.js rounds pixels to 8 bits" in text
    assert "timm.create_model" not in text
    assert "library_name: onnx" in text
    assert "onnxruntime.InferenceSession" in text


def test_several_targets_say_what_loads_them_and_how(card):
    text = card("several").text
    assert "zoo and ONNX Runtime load this model as it is." in text
    assert "timm and transformers cannot: it answers 3 targets" in text
    assert "transformers.js cannot: it answers 3 targets" in text
    assert "onnxruntime.InferenceSession" in text
    assert "8 bits when resizing" not in text


def test_a_figure_that_is_not_defined_is_a_dash_and_no_result(runs, tmp_path):
    made = runs["class"]
    run = replace(made.run, path=shutil.copytree(made.run.path, tmp_path / "run"))
    record = json.loads((run.path / "run.json").read_text())
    record["metrics"]["validation"] |= {"macro_f1": None}
    write_json(run.path / "run.json", record)
    text = render_card(run.model_folder, run, repo_id="a/b").text
    assert "| macro-F1 | – |" in text
    assert "nan" not in text.lower().replace("finance", "")
    assert "macro-F1\n---" not in text.partition("# b")[0]
