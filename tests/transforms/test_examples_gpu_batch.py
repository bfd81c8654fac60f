"""Worked example 3: blur on the batch, on the device, every sample with its own kernel size."""

import torch
from torch import nn
from torchvision.transforms import v2

from blurdata.transforms import DefocusBlur, MotionBlur, Saturation, SensorNoise

device = "cuda" if torch.cuda.is_available() else "cpu"

degrade = v2.Compose(  # runs where the batch is: no copy to the host, one convolution for the whole batch
    [
        MotionBlur(length_px=(1, 31), p=0.7),
        DefocusBlur(radius_px=(0.5, 6), p=0.3),
        Saturation(gain=(1, 2), p=0.2),
        SensorNoise(shot=(5e-5, 5e-4)),
    ]
)


def test_batch_loop() -> None:
    """A denoiser-sized network trains on batches that are degraded on the device; the log tells each sample's blur."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 3, padding=1)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    sharp = (torch.rand(8, 3, 8, 8).repeat_interleave(8, 2).repeat_interleave(8, 3) * 255).to(torch.uint8)
    gains, lengths = [], []
    for _ in range(12):
        images = sharp.to(device, non_blocking=True)
        blurry = degrade(images).float() / 255
        loss = (blurry + model(blurry) - images.float() / 255).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        gains.append(loss.item() / (blurry - images.float() / 255).abs().mean().item())
        lengths += degrade.transforms[0].last_params["length_px"].tolist()

    assert blurry.device.type == device
    assert len(set(lengths)) == 96
    assert gains[-1] < gains[0]
