from PIL import Image

ARGUMENTS = ("--backbone", "efficientnet_lite0", "--img-size", 64, "--count", 2, "--times", 3)


def test_a_preview_is_written_where_it_was_asked_for(zoo, photos, tmp_path):
    target = tmp_path / "new" / "sheet.png"
    outcome = zoo("augment-preview", photos, *ARGUMENTS, "--output", target)
    assert outcome.code == 0, outcome.err
    with Image.open(target) as sheet:
        assert f"{sheet.width} x {sheet.height} px, what efficientnet_lite0" in outcome.out
        assert sheet.format == "PNG"


def test_a_recipe_without_augmentation_is_refused_and_nothing_written(zoo, photos, tmp_path):
    target = tmp_path / "sheet.png"
    outcome = zoo(
        "augment-preview", photos, *ARGUMENTS, "--recipe", "linear-probe", "--output", target
    )
    assert outcome.code == 1
    assert "--recipe finetune" in outcome.err
    assert not target.exists()


def test_nothing_is_overwritten_and_nothing_lies_in_the_data(zoo, photos, tmp_path):
    precious = tmp_path / "sheet.png"
    precious.write_text("mine")
    outcome = zoo("augment-preview", photos, *ARGUMENTS, "--output", precious)
    assert outcome.code == 2
    assert "exists" in outcome.err
    assert precious.read_text() == "mine"
    assert zoo("augment-preview", photos, *ARGUMENTS, "--output", photos / "a.png").code == 1
    for expected in ("augmentation.png", "augmentation-2.png", "augmentation-3.png"):
        assert zoo("augment-preview", photos, *ARGUMENTS).out.startswith(f"{expected}:")
