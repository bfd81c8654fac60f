"""Worked example 2: an albumentations detection pipeline with boxes."""

import albumentations as A
import numpy as np

from blurdata.transforms.albumentations import CameraShakeBlur, DefocusBlur, MotionBlur, SensorNoise

pipeline = A.Compose(
    [
        A.HorizontalFlip(p=0.5),
        A.RandomSizedBBoxSafeCrop(height=96, width=96, p=1.0),
        A.OneOf(
            [
                MotionBlur(length_px=(3, 31), angle_deg=(0, 180)),
                CameraShakeBlur(extent_px=(5, 31)),
                DefocusBlur(radius_px=(1, 10), blades=(5, 9)),
            ],
            p=1.0,
        ),
        SensorNoise(p=0.5),
    ],
    bbox_params=A.BboxParams(format="pascal_voc", label_fields=["labels"]),
    seed=7,
    save_applied_params=True,
)


def test_boxes_stay_on_their_objects() -> None:
    """PSFs are centred: the centroid of a blurred object stays in the middle of its box, and the log names physical numbers."""
    image = np.zeros((128, 160, 3), np.uint8)
    image[40:80, 60:100] = 255
    for _ in range(10):
        out = pipeline(image=image, bboxes=[[60, 40, 100, 80]], labels=["fruit"])
        x1, y1, x2, y2 = out["bboxes"][0]
        light = (out["image"][..., 0] / 255.0) ** 2.2
        light[light < 0.02] = 0  # noise of the dark
        y, x = np.mgrid[: light.shape[0], : light.shape[1]]

        assert out["labels"] == ["fruit"]
        if min(x1, y1, 96 - x2, 96 - y2) > 16:  # the whole smear is inside the crop
            assert abs((light * x).sum() / light.sum() - (x1 + x2 - 1) / 2) < 1
            assert abs((light * y).sum() / light.sum() - (y1 + y2 - 1) / 2) < 1
        names = {name for _, params in out["applied_transforms"] for name in params}
        assert names & {"length_px", "extent_px", "radius_px"}
