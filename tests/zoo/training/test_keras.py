"""The head and the steps of `vgg-classic` against Keras' own layers and optimiser."""

import os

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.backbones.heads import Head
from zoo.registry.files import built_in_registry
from zoo.training.optimizers import OPTIMIZERS
from zoo.training.schedules import set_learning_rates

RECIPE = built_in_registry().recipe("vgg-classic")
CHANNELS, HEIGHT, WIDTH = 12, 2, 3
CLASSES = 3

# Keras' code, not ours, is what may be deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def keras(monkeypatch):
    monkeypatch.setitem(os.environ, "KERAS_BACKEND", "torch")
    return pytest.importorskip("keras")


@pytest.fixture
def head() -> Head:
    torch.manual_seed(0)
    return Head(CHANNELS * HEIGHT * WIDTH, CLASSES, RECIPE.head)


def in_keras_order(head: Head) -> list[np.ndarray]:
    """Our tensors as Keras keeps them: kernels lie the other way round, and a map is flattened
    channels last, which permutes the first layer's inputs.
    """
    first, last = head.hidden[0], head.last
    kernel = first.weight.view(-1, CHANNELS, HEIGHT, WIDTH).permute(2, 3, 1, 0).flatten(0, 2)
    tensors = (kernel, first.bias, last.weight.T, last.bias)
    return [tensor.detach().numpy().copy() for tensor in tensors]


def classic(keras):
    """The textbook's head on a feature map, compiled as the textbook does."""
    layers = keras.layers
    (hidden,), phase = RECIPE.head.hidden, RECIPE.phases[0]
    model = keras.Sequential(
        [
            layers.Input((HEIGHT, WIDTH, CHANNELS)),
            layers.Flatten(),
            layers.Dense(hidden, activation="relu"),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    sgd = keras.optimizers.SGD(learning_rate=phase.lr, momentum=phase.momentum)
    model.compile(sgd, loss="sparse_categorical_crossentropy")
    return model


def batches() -> list[tuple[Tensor, Tensor]]:
    """Two epochs of 32, 32 and 5 maps [B, C, h, w] and their classes."""
    generator = torch.Generator().manual_seed(1)
    sizes = [32, 32, 5] * 2
    return [
        (
            torch.randn(size, CHANNELS, HEIGHT, WIDTH, generator=generator).relu(),
            torch.randint(CLASSES, (size,), generator=generator),
        )
        for size in sizes
    ]


def test_the_head_trains_as_keras_layers_do(keras, head):
    """The same weights, outputs, losses and steps, up to float32's rounding of a few sums of
    72 and 256 terms.
    """
    model, phase = classic(keras), RECIPE.phases[0]
    before = in_keras_order(head)
    model.set_weights(before)
    groups = [{"params": list(head.parameters()), "peak_lr": phase.lr}]
    fused = True
    optimizer = OPTIMIZERS[phase.optimizer](groups, phase, fused)
    for step, (maps, truth) in enumerate(batches()):
        loss = F.cross_entropy(head(maps.flatten(1)), truth)
        optimizer.zero_grad()
        loss.backward()
        set_learning_rates(optimizer, phase, step, len(batches()))
        optimizer.step()
        channels_last = maps.permute(0, 2, 3, 1).numpy()
        theirs = model.train_on_batch(channels_last, truth.numpy(), return_dict=True)
        model.reset_metrics()
        assert float(theirs["loss"]) == pytest.approx(loss.item(), rel=1e-5)
    after = [keras.ops.convert_to_numpy(weight) for weight in model.weights]
    for first, ours, weight in zip(before, in_keras_order(head), after, strict=True):
        moved = np.abs(ours - first).max()
        assert moved > 1e-5
        np.testing.assert_allclose(ours, weight, rtol=0, atol=1e-7 + 1e-3 * moved)


def test_the_head_begins_with_keras_distribution(keras, head):
    """The same bound, uniformly: a fair draw fails one comparison in ten thousand."""
    from scipy import stats

    keras.utils.set_random_seed(0)
    model = classic(keras)
    theirs = [keras.ops.convert_to_numpy(weight) for weight in model.weights]
    for ours, weight in zip(in_keras_order(head), theirs, strict=True):
        if ours.ndim == 1:
            assert not ours.any()
            assert not weight.any()
        else:
            bound = (6 / sum(ours.shape)) ** 0.5
            for drawn in (ours, weight):
                assert (
                    stats.kstest(drawn.ravel(), stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-4
                )
