"""What a transform costs over the bare convolution, and ours against albumentations' own.

    python tools/bench/transforms.py

One thread, 512x512 uint8 RGB unless said, medians of interleaved runs in one process, of the thread's own processor time: what other
programs on the machine take away does not count.
"""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import statistics
import time
from collections.abc import Callable
from functools import partial

import albumentations as A
import cv2
import numpy as np
import skimage.data
import torch
from PIL import Image as PillowImage
from rows import note
from torchvision import tv_tensors

from blurdata import convolve, psf
from blurdata import transforms as T
from blurdata.transforms import albumentations as BA

ROUNDS = 15


def medians(functions: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Milliseconds of processor time of each, measured in turns after a warm-up."""
    for function in functions.values():
        for _ in range(3):
            function()
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(ROUNDS):
        for name, function in functions.items():
            start = time.thread_time()
            function()
            times[name].append(1000 * (time.thread_time() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def show(title: str, times: dict[str, float]) -> None:
    """Print a table; ratios are over the first row."""
    (first, base), *others = times.items()
    for name, milliseconds in others if first == "albumentations" else ():
        note(f"{title.partition(':')[0]}, {name} / albumentations", milliseconds, peer=base, ratio=base / milliseconds, unit="cpu ms")
    print(f"\n{title}")
    for name, milliseconds in times.items():
        print(f"  {name:<52} {milliseconds:8.2f} ms   {milliseconds / base:5.2f}x")


def main() -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    photo = skimage.data.astronaut()
    chw = torch.from_numpy(photo).permute(2, 0, 1).contiguous()
    pil = PillowImage.fromarray(photo)
    image, last = tv_tensors.Image(chw), torch.from_numpy(photo).permute(2, 0, 1)
    print(f"OpenCV {cv2.__version__}, torch {torch.__version__}, albumentations {A.__version__}")
    for length in (7, 31):
        kernel = psf.motion(length, 30)
        blur = T.MotionBlur(length_px=length, angle_deg=30)
        twin = BA.MotionBlur(length_px=length, angle_deg=30)
        show(
            f"MotionBlur {length} px: overhead of the transform",
            medians(
                {
                    "convolve(photo, psf), numpy": lambda kernel=kernel: convolve(photo, kernel),
                    "psf and convolve": lambda length=length: convolve(photo, psf.motion(length, 30)),
                    "transform, tensor (C, H, W)": lambda blur=blur: blur(chw),
                    "transform, tensor, channels last in memory": lambda blur=blur: blur(last),
                    "transform, tv_tensors.Image": lambda blur=blur: blur(image),
                    "transform, PIL": lambda blur=blur: blur(pil),
                    "transform, albumentations": lambda twin=twin: twin(image=photo),
                }
            ),
        )
        peer = A.MotionBlur(blur_limit=(length, length), angle_range=(30, 30), direction_range=(0, 0), allow_shifted=False, p=1)
        linear = BA.MotionBlur(length_px=length, angle_deg=30, curve="linear")
        show(
            f"MotionBlur {length} px: against albumentations' own (code values)",
            medians(
                {
                    "albumentations": lambda peer=peer: peer(image=photo),
                    "ours, linear light": lambda twin=twin: twin(image=photo),
                    'ours, curve="linear"': lambda linear=linear: linear(image=photo),
                }
            ),
        )
    peer, ours = A.Defocus(radius=(15, 15), alias_blur=(0.1, 0.1), p=1), BA.DefocusBlur(radius_px=15)
    show("Defocus 15 px", medians({"albumentations": lambda: peer(image=photo), "ours, linear light": lambda: ours(image=photo)}))
    zoom_peer, zoom_ours = A.ZoomBlur(max_factor=(1.2, 1.2), step_factor=(0.02, 0.02), p=1), BA.ZoomBlur(zoom=1.2)
    show("Zoom 20 %", medians({"albumentations": lambda: zoom_peer(image=photo), "ours, linear light": lambda: zoom_ours(image=photo)}))
    batch = torch.from_numpy(np.stack([photo[y : y + 256, x : x + 256] for y in range(0, 256, 64) for x in range(0, 256, 64)]))
    batch = batch.permute(0, 3, 1, 2).contiguous()
    floats = batch.float() / 255
    show(
        "Batch of 16x3x256x256, every sample its own length up to 31 px and angle",
        medians(
            {
                "uint8": lambda: T.MotionBlur(length_px=(3, 31))(batch),
                'uint8, curve="linear"': lambda: T.MotionBlur(length_px=(3, 31), curve="linear")(batch),
                "float32": lambda: T.MotionBlur(length_px=(3, 31))(floats),
                "float32 with gradients (torch)": lambda: T.MotionBlur(length_px=(3, 31))(floats.detach().requires_grad_()),
            }
        ),
    )
    others = [BA.CameraShakeBlur(), BA.GaussianBlur(), BA.SensorNoise(), BA.Saturation(), BA.DepthDefocusBlur(), BA.ImageNetCBlur()]
    show("The others, at their defaults", medians({type(blur).__name__: partial(blur, image=photo) for blur in others}))


if __name__ == "__main__":
    main()
