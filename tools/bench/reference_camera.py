"""How far is frame blending from the exact exposure? ``python tools/bench/reference_camera.py``, a few minutes.

A view of 96x128, two layers of photographs at depths 0.6 and 1, that move by 24 px (far) and 40 px (near) with 3 degrees of rotation
during one exposure. M frames at equal distances, the first and the last at its ends, 8 bit, sRGB, are blended by
``synthesize``; the exposure itself is integrated to 1e-5. Printed: PSNR in dB of the blend to the truth, both as 8-bit sRGB codes.
"""

import numpy as np

from blurdata.color import curve
from blurdata.errors import BlurDataError
from blurdata.synthesis import synthesize
from blurdata.synthesis.reference_camera import Motion, ReferenceCamera, Sway, hdr_scene

SIZE = (96, 128)
COUNTS = (3, 5, 7, 13, 25, 49, 97, 193)
WAYS = (
    ("sRGB light", {"curve": "srgb", "end_weight": 0.5}),
    ("sRGB light, plain mean", {"curve": "srgb", "end_weight": 1.0}),
    ("gamma 2.2", {"curve": "gamma22", "end_weight": 0.5}),
    ("codes (linear)", {"curve": "linear", "end_weight": 0.5}),
    ("sRGB light + DIS flow", {"curve": "srgb", "end_weight": 0.5, "interpolation": "dis", "max_disagreement": 1.0}),
)


def blended(frames, fields):
    """The one blend of all frames, or None where synthesis refuses."""
    recipe = {"window": len(frames), "variant": "blur_gamma", "still_change": 0, **fields}
    try:
        return synthesize(frames, recipe)[0].blurry
    except BlurDataError:
        return None


def psnr(picture, truth):
    """PSNR in dB of 8-bit codes."""
    return 10 * np.log10(255**2 / np.mean((picture - truth) ** 2))


def main():
    """Print a table for each scene."""
    motion = Motion(x_px=22.0, y_px=8.0, roll_deg=3.0, sways=(Sway(x_px=1.0, y_px=1.5, cycles=1.5, phase=0.1),))
    for title, lights in (("no light above white", 0), ("12 lamps, 5 to 60 times white", 12)):
        camera = ReferenceCamera(hdr_scene(SIZE, lights=lights), motion, SIZE)
        exposure = camera.expose(0.0, 1.0)
        truth = curve("srgb").encode(np.clip(exposure.blurry, 0, 1)) * 255
        sharp = curve("srgb").encode(np.clip(exposure.sharp, 0, 1)) * 255
        length = np.hypot(exposure.blur_vectors[..., 0], exposure.blur_vectors[..., 1])
        print(f"\n{title}; blur {length.mean():.1f} px on average, {length.max():.1f} at most; unblurred {psnr(sharp, truth):.1f} dB")
        print(f"{'frames':26}" + "".join(f"{count:7}" for count in COUNTS))
        for name, fields in WAYS:
            row = []
            for count in COUNTS:
                picture = blended(camera.frames(0.0, 1.0, count), fields)
                row.append("      -" if picture is None else f"{psnr(picture.astype(float), truth):7.1f}")
            print(f"{name:26}" + "".join(row), flush=True)


if __name__ == "__main__":
    main()
