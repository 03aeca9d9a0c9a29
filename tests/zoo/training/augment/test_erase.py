import torch
from torchvision.transforms.v2 import functional as F

from zoo.training.augment.erase import erase


def test_each_rectangle_is_torchvisions_erase_and_nothing_else_changes():
    pixels = torch.rand(3, 3, 20, 30)
    boxes = [(2, 3, 5, 7), None, (0, 0, 20, 30)]
    colour = torch.tensor((1.0, 2.0, 3.0)).view(3, 1, 1)
    expected = [
        image if box is None else F.erase(image, *box, v=colour)
        for image, box in zip(pixels.clone(), boxes, strict=True)
    ]
    erase(pixels, boxes, (1.0, 2.0, 3.0))
    assert torch.equal(pixels, torch.stack(expected))
