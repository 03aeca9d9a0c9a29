"""Data whose groups give themselves away: leaking one over the folds picks too weak a strength."""

import pytest
import torch

from zoo.training.probe import fit_class_probe, fit_labels_probe, fit_value_probe

STRENGTHS = (1.0, 0.1, 1e-2, 1e-3, 1e-4)
GROUPS, EACH, WIDTH = 40, 8, 60


def grouped(seed: int):
    """Near copies of one picture a group; little of a picture tells of the truth."""
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.randn(GROUPS, WIDTH, generator=generator)
    scores = pictures[:, 0] + 1.5 * torch.randn(GROUPS, generator=generator)
    units = torch.arange(GROUPS).repeat_interleave(EACH)
    noise = 0.1 * torch.randn(GROUPS * EACH, WIDTH, generator=generator)
    return pictures[units] + noise, scores[units], units


def fit(kind: str, features, scores, units):
    options = {"strengths": STRENGTHS, "folds": 5, "seed": 0, "units": units}
    marks = (scores > 0).long()
    if kind == "class":
        return fit_class_probe(features, marks, 2, **options)
    if kind == "labels":
        return fit_labels_probe(features, marks[:, None], **options)
    standard = (scores - scores.mean()) / scores.std(correction=0)
    return fit_value_probe(features, standard[:, None], **options)


@pytest.mark.parametrize("kind", ["class", "labels", "value"])
def test_groups_that_stay_together_ask_for_a_stronger_penalty(kind):
    features, scores, units = grouped(0)
    leaked, kept = fit(kind, features, scores, None), fit(kind, features, scores, units)
    assert kept.strength >= 10 * leaked.strength


@pytest.mark.parametrize("kind", ["class", "labels", "value"])
def test_what_is_held_out_costs_what_new_groups_cost(kind):
    """A leaked group looks learnt; a new one is not."""
    features, scores, units = grouped(0)
    leaked, kept = fit(kind, features, scores, None), fit(kind, features, scores, units)
    weakest = min(leaked.held_out_loss)
    assert leaked.held_out_loss[weakest] < 0.2
    assert min(kept.held_out_loss.values()) > 0.4
