"""Worked example 1: a torchvision classifier pipeline with blur augmentation."""

import torch
from torch.utils.data import DataLoader, Dataset
from torchvision import models, tv_tensors
from torchvision.transforms import v2

from blurdata.transforms import AnyBlur, SensorNoise, WithParams

pipeline = v2.Compose(
    [
        v2.RandomResizedCrop(32, scale=(0.5, 1.0), antialias=True),
        v2.RandomHorizontalFlip(),
        AnyBlur(severity=(0, 0.3), p=0.5),  # any of six blurs, in linear light, on uint8: before ToDtype
        SensorNoise(p=0.5),  # the camera adds noise behind the blur
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
    ]
)


class Stripes(Dataset[tuple[tv_tensors.Image, int]]):
    """Class 0 has horizontal stripes, class 1 vertical ones."""

    def __init__(self, transform: v2.Transform) -> None:
        self.transform = transform

    def __len__(self) -> int:
        return 32

    def __getitem__(self, index: int) -> tuple[tv_tensors.Image, int]:
        wave = (127 + 120 * torch.sin(torch.arange(48) / 2 + index)).to(torch.uint8)
        plane = wave.expand(48, 48) if index % 2 else wave[:, None].expand(48, 48)
        return self.transform(tv_tensors.Image(plane.repeat(3, 1, 1)), index % 2)


def test_classifier_learns_from_blurred_pictures() -> None:
    """Labels pass, workers draw on their own, and a ResNet-18 learns the two classes from what comes out."""
    torch.manual_seed(0)
    model = models.resnet18(num_classes=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loader = DataLoader(Stripes(pipeline), batch_size=16, shuffle=True, num_workers=2)
    losses = []
    for _ in range(2):
        for images, labels in loader:
            loss = torch.nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())

    assert images.shape == (16, 3, 32, 32)
    assert min(losses[-2:]) < losses[0]


def test_what_was_drawn_comes_with_the_sample() -> None:
    """`WithParams` brings kind and severity out of the workers, for a curve of accuracy over blur."""
    loader = DataLoader(Stripes(lambda image, label: (*WithParams(AnyBlur(p=1))(image), label)), batch_size=16)
    images, params, labels = next(iter(loader))

    assert images.shape[0] == len(params["kind"]) == len(params["severity"]) == len(labels) == 16
