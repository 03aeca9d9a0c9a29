import json

import torch

from zoo.inputs.image import preprocess, read_image, to_tensor
from zoo.training.solve import extract_features, solve


def test_features_are_the_bodys_output_for_the_training_split_in_order(training):
    features, labels = extract_features(training)
    train = training.plan.dataset.train
    assert features.shape == (len(train), 1280)
    assert labels.tolist() == [sample.label for sample in train]
    one = preprocess(to_tensor(read_image(train[3].path)), training.plan.preprocess)[None]
    with torch.no_grad():
        expected = training.network.eval().body(one)
    torch.testing.assert_close(features[3:4], expected, rtol=1e-4, atol=1e-4)


def test_solving_changes_the_head_alone_and_is_logged(training):
    before = {name: value.clone() for name, value in training.network.state_dict().items()}
    solve(training, 0, training.plan.recipe.phases[0])
    after = training.network.state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed == {"head.weight", "head.bias"}
    line = json.loads(training.run.metrics_log.read_text())
    assert line["kind"] == "solve"
    assert line["gradient"] < 1e-3
    assert 0 <= line["validation_top1"] <= 1


def test_a_second_try_reads_the_cached_features(training):
    solve(training, 0, training.plan.recipe.phases[0])
    first = training.network.head.weight.clone()
    with torch.no_grad():
        training.network.body.conv_stem.weight.zero_()
    solve(training, 0, training.plan.recipe.phases[0])
    torch.testing.assert_close(training.network.head.weight, first, rtol=0, atol=0)
