"""What `descend` phases do to training images, seeded by sample and epoch."""

from zoo.training.augment.batch import Place, augment_batch
from zoo.training.augment.mix import Mixed, mix
from zoo.training.augment.patch import Pixels

__all__ = ["Mixed", "Pixels", "Place", "augment_batch", "mix"]
