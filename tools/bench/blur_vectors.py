"""How true are the blur vectors: against the reference camera's, ``python tools/bench/blur_vectors.py``, under a minute.

A view of 192x256, photographs at depths 0.6 and 1, that moves by 18 px (far) and 30 px (near) with 3 degrees of rotation and a sway in
one exposure of M frames; clean, with noise of 2 codes, and with lamps above white. Printed: length of the blur, endpoint error in px
(mean, median, 95th percentile) over all pixels and over those that lie more than 8 px inside a depth and the view.
"""

import cv2
import numpy as np

from blurdata.synthesis import synthesize
from blurdata.synthesis.reference_camera import Motion, ReferenceCamera, Sway, hdr_scene

SIZE = (192, 256)
MOTION = Motion(x_px=16.0, y_px=7.0, roll_deg=3.0, sways=(Sway(x_px=1.0, y_px=1.5, cycles=1.5, phase=0.1),))


def inside(vectors, reach=8):
    """Where no depth begins or ends within ``reach`` px, and the view does not end."""
    step = np.hypot(*np.moveaxis(np.diff(vectors, axis=1, append=vectors[:, -1:]), 2, 0)) + np.hypot(
        *np.moveaxis(np.diff(vectors, axis=0, append=vectors[-1:]), 2, 0)
    )
    near = cv2.dilate((step > 1).astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) > 0
    rim = np.ones(near.shape, bool)
    rim[16:-16, 16:-16] = False
    return ~near & ~rim


def main():
    """Print the table."""
    rng = np.random.default_rng(0)
    print(f"{'scene':22}{'M':>4}{'blur px':>9}{'mean':>8}{'median':>8}{'p95':>8}   inside: mean{'p95':>8}")
    for name, lights, noise in (("clean", 0, 0.0), ("noise of 2 codes", 0, 2.0), ("12 lamps", 12, 0.0)):
        camera = ReferenceCamera(hdr_scene(SIZE, lights=lights), MOTION, SIZE)
        true = camera.displacement(0.5, 1.0) - camera.displacement(0.5, 0.0)
        calm = inside(true)
        for count in (3, 7, 11, 21):
            frames = [
                np.clip(np.rint(frame + rng.normal(0, noise, frame.shape)), 0, 255).astype(np.uint8)
                for frame in camera.frames(0.0, 1.0, count)
            ]
            found = synthesize(frames, {"window": count, "still_change": 0, "blur_vectors": True})[0].extras["blur_vectors"]
            error = np.hypot(*np.moveaxis(found - true, 2, 0))
            print(
                f"{name:22}{count:4}{np.hypot(*np.moveaxis(true, 2, 0)).mean():9.1f}{error.mean():8.2f}{np.median(error):8.2f}"
                f"{np.percentile(error, 95):8.2f}{error[calm].mean():15.2f}{np.percentile(error[calm], 95):8.2f}"
            )


if __name__ == "__main__":
    main()
