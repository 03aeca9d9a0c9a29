from dataclasses import replace

import pytest
import torch

from export.precision import again, make_precisions
from export.precision.again import judge_again
from export.precision.answers import answer, is_finite
from export.precision.half import Half
from export.precision.source import read_source
from tests.export.precision.sensitive import inflate
from tests.export.tiny_networks import make_images
from zoo.errors import UnreadableImagesError
from zoo.progress import Silence

CPU = torch.device("cpu")
BEYOND_HALF = 1e6
"""What makes a channel larger than float16 can say."""


@pytest.fixture(scope="module")
def both(patterns):
    """Both variants of an untouched network, not timed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("export.precision.make.compare_latency", lambda *_: ())
        return make_precisions(
            patterns.model,
            patterns.content,
            patterns.training,
            patterns.validation,
            ["fp16", "int8"],
            max_drop=3.0,
        )


def judge(trained, content, *variants):
    return judge_again(
        trained.model, content, variants, trained.validation, workers=0, progress=Silence()
    )


def test_honest_files_give_the_very_figures_that_they_gave_when_they_were_made(patterns, both):
    found = judge(patterns, patterns.content, *((made.content, made.report) for made in both))
    assert found == tuple(made.report for made in both)
    assert [report.emulated for report in found] == [True, False]


def test_a_float16_file_that_overflows_is_refused_on_a_cpu(patterns, both):
    content, _ = inflate(patterns.content, BEYOND_HALF)
    overflowing = Half(read_source(content), {}, CPU).lower(())
    assert is_finite(answer(overflowing, CPU, make_images(4))), "a CPU does not show it"
    (found,) = judge(patterns, content, (overflowing, both[0].report))
    assert (found.verdict, found.finite, found.emulated) == ("refused", False, True)
    assert "Answers are no numbers" in found.explain()


def test_the_budget_is_the_one_that_a_file_was_made_for(patterns, both):
    made = both[1]
    earlier = replace(made.report, max_drop=-1)
    (found,) = judge(patterns, patterns.content, (made.content, earlier))
    assert found.verdict == "refused"


def test_images_are_decoded_and_float32_asked_once_for_all(patterns, both, monkeypatch):
    decoded, asked = [], []
    gather = again.gather_validation
    monkeypatch.setattr(
        again, "gather_validation", lambda *a, **k: decoded.append(a) or gather(*a, **k)
    )
    monkeypatch.setattr(
        "export.precision.judge.answer", lambda *a: asked.append(a[0]) or answer(*a)
    )
    judge(patterns, patterns.content, *((made.content, made.report) for made in both))
    assert len(decoded) == 1
    assert asked.count(patterns.content) == 1


def test_without_variants_nothing_is_decoded(patterns, both, tmp_path):
    gone = replace(patterns, validation=replace(patterns.validation, root=tmp_path))
    with pytest.raises(UnreadableImagesError):
        judge(gone, patterns.content, (both[0].content, both[0].report))
    assert judge(gone, patterns.content) == ()
