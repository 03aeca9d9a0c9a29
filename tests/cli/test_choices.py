from enum import Enum
from pkgutil import iter_modules
from typing import get_args, get_type_hints

import pytest
import typer

from cli import choices
from export import layouts
from export.attempts import Choice
from export.precision import PRECISIONS
from export.settings import GoldenInputs
from zoo.hardware import Precision
from zoo.recipes import DescendPhase, Recipe

LAYOUTS = {found.name for found in iter_modules(layouts.__path__)} - {"folder", "predict"}
KNOWN = {
    choices.BatchNormChoice: get_args(get_type_hints(DescendPhase)["batch_norm"]),
    choices.BitsChoice: PRECISIONS,
    choices.ExporterChoice: get_args(Choice),
    choices.GoldenChoice: get_args(GoldenInputs),
    choices.LayoutChoice: LAYOUTS,
    choices.ClassWeightsChoice: get_args(get_type_hints(Recipe)["class_weights"]),
    choices.PrecisionChoice: ("auto", *get_args(Precision)),
    choices.SamplingChoice: get_args(get_type_hints(Recipe)["sampling"]),
    choices.ScheduleChoice: get_args(get_type_hints(DescendPhase)["schedule"]),
    choices.WeightingChoice: get_args(get_type_hints(Recipe)["weighting"]),
}


@pytest.mark.parametrize("choice", list(KNOWN))
def test_the_command_line_offers_what_recipes_know_and_nothing_else(choice):
    assert {word.value for word in choice} == set(KNOWN[choice])


def test_a_word_is_read_and_a_near_miss_suggests_one():
    read = choices.read_word(choices.ScheduleChoice)
    assert read("one-cycle") is choices.ScheduleChoice.ONE_CYCLE
    with pytest.raises(typer.BadParameter, match="none of cosine, .*; did you mean 'cosine'?"):
        read("cosin")


def test_every_choice_is_compared():
    offered = {c for c in vars(choices).values() if isinstance(c, type) and issubclass(c, Enum)}
    assert offered - {Enum} == set(KNOWN)
