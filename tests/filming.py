"""Small films for tests."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_film(
    path: Path,
    frames: list[np.ndarray],
    *,
    codec: str = "ffv1",
    pix_fmt: str = "bgr0",
    pts: list[int] | None = None,
    tick: Fraction = Fraction(1, 30),
    pixel_aspect: Fraction | None = None,
    **options,
) -> None:
    """Write a film of (H, W, 3) uint8 frames, lossless unless another codec is named; ``pts`` are times in ticks."""
    with av.open(str(path), "w", options=options.pop("container_options", {})) as container:
        stream = container.add_stream(codec, rate=30, options=options.pop("options", {}))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = tick
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        for number, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = pts[number] if pts else number
            frame.time_base = tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def moving(count: int, size: tuple[int, int] = (48, 64), speed: int = 2) -> list[np.ndarray]:
    """Frames of blocks that move sideways."""
    rng = np.random.default_rng(2)
    scene = np.kron(rng.integers(30, 226, (size[0] // 4 + 1, size[1] // 4 + 1, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    return [np.ascontiguousarray(np.roll(scene, speed * i, axis=1)[: size[0], : size[1]]) for i in range(count)]
