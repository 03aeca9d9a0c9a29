"""What any variant is judged by: validation images, and float32's answers to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from export.precision.answers import answer, is_finite
from export.precision.budget import compare_answers
from export.precision.images import ValidationImages
from export.precision.search import Judgement
from zoo.evaluation import Outputs
from zoo.model import TrainedModel


@dataclass(frozen=True, eq=False)
class Judge:
    """A float32 file, and the validation images that others are compared with it on."""

    model: TrainedModel
    """The trained network, on the device to judge on."""
    content: bytes
    """Its float32 file."""
    images: ValidationImages

    @cached_property
    def reference(self) -> Outputs:
        """Float32's answers to the validation images."""
        return answer(self.content, self.model.device, self.images.photos)

    def judge(self, content: bytes, max_drop: float) -> Judgement:
        """Compare what is run for a file with float32.

        Args:
            content: The file, or what stands in for it on this device.
            max_drop: Points that each target may lose.
        """
        found, at_edges = (
            answer(content, self.model.device, images)
            for images in (self.images.photos, self.images.edges)
        )
        changes = compare_answers(
            self.model.targets, self.images.truths, self.reference, found, max_drop
        )
        return Judgement(changes, is_finite(found) and is_finite(at_edges))
