"""Blur that varies over the picture: zoom and roll, defocus by depth."""

import math

import albumentations as A
import numpy as np
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from blurdata import transforms as T
from blurdata.transforms import albumentations as BA
from blurdata.transforms.depth import slanted_plane


def _point(y: int, x: int, size: int = 101) -> torch.Tensor:
    picture = torch.zeros(1, size, size, dtype=torch.float64)
    picture[0, y, x] = 1
    return picture


def _moments(picture: torch.Tensor) -> tuple[float, float, float, float]:
    """Centroid y, x and spread along y, x of the light."""
    light = picture[0].numpy()
    y, x = np.mgrid[: light.shape[0], : light.shape[1]]
    total = light.sum()
    cy, cx = (light * y).sum() / total, (light * x).sum() / total
    return cy, cx, math.sqrt((light * (y - cy) ** 2).sum() / total), math.sqrt((light * (x - cx) ** 2).sum() / total)


class TestZoom:
    """Zoom and roll about the middle."""

    def test_a_point_smears_along_its_radius(self) -> None:
        """A point at distance r becomes a stroke of r ln(zoom) towards the middle and away from it; the middle stays sharp."""
        blur = T.ZoomBlur(zoom=1.3, curve="linear")
        cy, cx, across, along = _moments(blur(_point(50, 90)))

        assert (cy, cx) == pytest.approx((50, 90), abs=0.7)  # the larger copies are brighter
        assert along * math.sqrt(12) == pytest.approx(40 * math.log(1.3), rel=0.1)
        assert across < 0.8
        assert blur(_point(50, 50))[0, 50, 50] == pytest.approx(1, abs=0.1)

    def test_a_point_turns_on_its_circle(self) -> None:
        """Under roll a point right of the middle smears up and down over r times the angle."""
        out = T.ZoomBlur(zoom=1, roll_deg=20, curve="linear")(_point(50, 90))
        cy, cx, along, across = _moments(out)

        assert (cy, cx) == pytest.approx((50, 90), abs=0.5)
        assert along * math.sqrt(12) == pytest.approx(40 * math.radians(20), rel=0.1)
        assert across < 1

    def test_it_is_the_mean_of_many_pictures(self, photo: np.ndarray) -> None:
        """The result is the mean light of densely magnified pictures, within 2 code values."""
        from scipy.ndimage import map_coordinates

        code = photo[..., 0] / 255
        light = np.where(code < 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
        height, width = light.shape
        y, x = np.mgrid[:height, :width]
        total = np.zeros(light.shape)
        for moment in np.linspace(-0.5, 0.5, 201):
            scale = 1.15**-moment
            total += map_coordinates(
                light,
                [(height - 1) / 2 + scale * (y - (height - 1) / 2), (width - 1) / 2 + scale * (x - (width - 1) / 2)],
                order=1,
                mode="mirror",
            )
        mean = total / 201
        expected = 255 * np.where(mean < 0.0031308, 12.92 * mean, 1.055 * mean ** (1 / 2.4) - 0.055)
        out = T.ZoomBlur(zoom=1.15)(torch.from_numpy(photo).permute(2, 0, 1))[0].numpy()

        assert np.abs(out - expected).max() <= 2


class TestDepth:
    """A thin lens."""

    def test_one_depth_is_one_disk(self, photo: np.ndarray) -> None:
        """Where everything is at one depth, the blur is the disk of its circle of confusion."""
        picture = torch.from_numpy(photo).permute(2, 0, 1)
        lens = {"f_number": 4.0, "focus_m": 1.0, "near_m": 2.0, "far_m": 2.0}
        out = T.DepthDefocusBlur(**lens)(picture)
        radius = 50 / 4 * 50 / (1000 - 50) * (2000 - 1000) / 2000 / 2 / (36 / photo.shape[1])
        expected = T.DefocusBlur(radius_px=radius)(picture)

        assert (out.int() - expected.int()).abs().max() <= 1

    def test_near_things_spread_over_far_ones_only(self) -> None:
        """A near thing out of focus glows over the sharp far side; a far thing out of focus never reaches a sharp near one."""
        picture = torch.zeros(1, 80, 80, dtype=torch.float64)
        picture[..., 40:] = 1
        left_near = T.Depth(torch.where(torch.arange(80).expand(80, 80) < 40, 0.6, 4.0))
        lens = {"f_number": 1.0, "curve": "linear"}
        far_sharp, _ = T.DepthDefocusBlur(focus_m=4, **lens)(tv_tensors.Image(picture), left_near)
        near_sharp, _ = T.DepthDefocusBlur(focus_m=0.6, **lens)(tv_tensors.Image(picture), left_near)

        assert far_sharp[0, 40, 41] < 0.8, "the near dark side must spread over the far bright one"
        assert near_sharp[0, 40, 38] < 0.01, "the far bright side must not reach the sharp near one"

    def test_a_depth_map_is_used_and_comes_back(self, photo: np.ndarray) -> None:
        """The map in the sample is used instead of the plane, is the same object afterwards and is not logged."""
        image = tv_tensors.Image(torch.from_numpy(photo).permute(2, 0, 1))
        depth = T.Depth(torch.full(photo.shape[:2], 3.0))
        transform = T.DepthDefocusBlur(focus_m=3)
        out = transform({"image": image, "depth": depth})

        assert out["depth"] is depth
        assert torch.equal(out["image"], image), "everything is in focus"
        assert "depth" not in transform.last_params

    def test_maps_of_a_batch(self, batch: torch.Tensor) -> None:
        """A (B, H, W) map gives each sample its own depth, also as one choice of AnyBlur."""
        depth = T.Depth(torch.stack([torch.full(batch.shape[-2:], metres) for metres in (1.0, 2.0, 4.0, 1.0)]))
        for transform in (T.DepthDefocusBlur(f_number=1, focus_m=1), T.AnyBlur(weights={"depth": 1}, severity=1)):
            torch.manual_seed(0)
            out, _ = transform(tv_tensors.Image(batch), depth)
            if isinstance(transform, T.DepthDefocusBlur):
                assert [torch.equal(a, b) for a, b in zip(out, batch, strict=True)] == [True, False, False, True]

    def test_geometry_moves_the_map(self) -> None:
        """Crops and flips move the map with the picture, without mixing near and far."""
        ramp = torch.arange(64.0).reshape(8, 8) + 1
        image, depth = v2.Compose([v2.RandomCrop(5), v2.RandomHorizontalFlip()])(tv_tensors.Image(ramp[None].clone()), T.Depth(ramp))

        assert type(depth) is T.Depth
        assert torch.equal(image[0].as_subclass(torch.Tensor), depth.as_subclass(torch.Tensor))

    def test_maps_of_another_size_are_refused(self, photo: np.ndarray) -> None:
        """A map that does not fit is a ValueError with both sizes; so is one of another batch size."""
        image = tv_tensors.Image(torch.from_numpy(photo).permute(2, 0, 1))
        with pytest.raises(ValueError, match="40x52"):
            T.DepthDefocusBlur()(image, T.Depth(torch.ones(20, 20)))
        with pytest.raises(ValueError, match="depth map"):
            T.DepthDefocusBlur()(image, T.Depth(torch.ones(3, 40, 52)))

    def test_albumentations_takes_a_map(self, photo: np.ndarray) -> None:
        """`depth=` is used and passed on, and what is logged stays small."""
        pipeline = A.Compose([BA.DepthDefocusBlur(f_number=1, focus_m=3)], save_applied_params=True)
        depth = np.full(photo.shape[:2], 3.0)
        out = pipeline(image=photo, depth=depth)

        assert np.array_equal(out["image"], photo)
        assert np.array_equal(out["depth"], depth)
        assert "depth" not in out["applied_transforms"][0][1]

    def test_the_plane_recedes_where_it_should(self) -> None:
        """At 90 degrees the top is far, at 0 the right; inverse depth is linear."""
        up, right = slanted_plane(20, 30, 1, 10, 90), slanted_plane(20, 30, 1, 10, 0)

        assert (up[0, 0], up[-1, 0], right[5, 0], right[5, -1]) == pytest.approx((10, 1, 1, 10))
        assert np.diff(1 / right[0]) == pytest.approx(np.full(29, -0.9 / 29))
