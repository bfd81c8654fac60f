"""Worked example 4: deblurring pairs made on line from sharp pictures."""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from blurdata.files import list_images, read_image, write_png
from blurdata.transforms import CameraShakeBlur, MakePair, SensorNoise

pairs = v2.Compose(
    [
        MakePair(CameraShakeBlur(extent_px=(5, 15))),  # {"blurry": Image, "sharp": Sharp}
        v2.RandomCrop(48),  # geometry moves both halves alike …
        v2.RandomHorizontalFlip(),
        SensorNoise(shot=(1e-5, 1e-4)),  # … and degradations leave the sharp half alone
        v2.ToDtype(torch.float32, scale=True),
    ]
)


class SharpFolder(Dataset[dict[str, torch.Tensor]]):
    """Every picture of a folder as a pair, blurred anew in every epoch."""

    def __init__(self, folder: Path) -> None:
        self.paths = list_images(folder)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        image = torch.from_numpy(read_image(self.paths[index])).permute(2, 0, 1)
        return pairs(tv_tensors.Image(image))


def test_pairs_on_line(tmp_path: Path, photo: np.ndarray) -> None:
    """A network trains on pairs that no disk ever held; another epoch brings other blur of the same pictures."""
    for index in range(8):
        write_png(tmp_path / f"{index}.png", np.tile(np.roll(photo, 5 * index, axis=1), (2, 2, 1)))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 16, 7, padding=3), nn.ReLU(), nn.Conv2d(16, 3, 7, padding=3))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    loader = DataLoader(SharpFolder(tmp_path), batch_size=8, num_workers=2)
    epochs, losses = [], []
    for _ in range(4):
        for batch in loader:
            loss = (batch["blurry"] + model(batch["blurry"]) - batch["sharp"]).abs().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            epochs.append(batch)
            losses.append(loss.item())

    assert batch["blurry"].shape == batch["sharp"].shape == (8, 3, 48, 48)
    assert not torch.equal(epochs[0]["blurry"], epochs[1]["blurry"])
    assert losses[-1] < losses[0]
