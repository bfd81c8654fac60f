"""What the numbers mean: zero strength, units, directions, light, noise, exposure; each against a reference of its own."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from blurdata import psf
from blurdata import transforms as T
from blurdata.transforms import vision

ZERO: list[vision.BlurTransform] = [
    T.MotionBlur(length_px=0),
    T.CameraShakeBlur(extent_px=0),
    T.DefocusBlur(radius_px=0),
    T.DefocusBlur(radius_px=0, blades=6),
    T.GaussianBlur(sigma_px=0),
    T.ZoomBlur(zoom=1),
    T.DepthDefocusBlur(near_m=2, far_m=2, focus_m=2),
    T.SensorNoise(shot=0, read=0),
    T.Saturation(gain=1),
    T.AnyBlur(severity=0),
]


def _decode(codes: np.ndarray) -> np.ndarray:
    return np.where(codes < 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("transform", ZERO, ids=repr)
def test_zero_strength_is_identity(transform: Any, batch: Tensor) -> None:
    """At strength 0 every code value stays."""
    assert torch.equal(transform(batch), batch)


class TestPointsOfLight:
    """A bright point becomes the PSF that the parameters name."""

    @pytest.mark.parametrize(
        ("transform", "expected"),
        [
            (T.MotionBlur(length_px=9, angle_deg=30, curve="linear"), psf.motion(9, 30)),
            (T.DefocusBlur(radius_px=3.5, curve="linear"), psf.disk(3.5)),
            (T.DefocusBlur(radius_px=4, blades=5, rotation_deg=10, curve="linear"), psf.polygon(4, blades=5, rotation_deg=10)),
            (T.GaussianBlur(sigma_px=1.5, curve="linear"), psf.gaussian(1.5)),
            (T.GaussianBlur(sigma_px=2, ratio=0.5, angle_deg=20, curve="linear"), psf.anisotropic_gaussian(2, 1, 20)),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_impulse_response(self, transform: Any, expected: np.ndarray) -> None:
        """The picture of a point is the PSF of these physical parameters, not its mirror image."""
        point = torch.zeros(1, 41, 41, dtype=torch.float64)
        point[0, 20, 20] = 1
        height, width = expected.shape
        response = transform(point)[0, 20 - height // 2 : 21 + height // 2, 20 - width // 2 : 21 + width // 2]

        assert np.abs(response.numpy() - expected).max() < 1e-6

    def test_shake_is_named_by_its_seed(self) -> None:
        """The logged seed and extent make the trajectory again."""
        point = torch.zeros(1, 61, 61, dtype=torch.float64)
        point[0, 30, 30] = 1
        transform = T.CameraShakeBlur(extent_px=(10, 20), curve="linear")
        response = transform(point)[0].numpy()
        drawn = {name: values[0].item() for name, values in transform.last_params.items()}
        expected = psf.shake(drawn["extent_px"], rng=np.random.default_rng(drawn["seed"]), inertia=0.7, tremor=0.3)
        height, width = expected.shape

        assert np.abs(response[30 - height // 2 : 31 + height // 2, 30 - width // 2 : 31 + width // 2] - expected).max() < 1e-6

    def test_light_is_kept_in_linear_light(self) -> None:
        """Blur keeps the mean of the light, not of the code values, and floats above white are not clipped."""
        picture = torch.full((1, 33, 33), 0.2, dtype=torch.float64)
        picture[0, 16, 16] = 4.0
        out = T.DefocusBlur(radius_px=4)(picture)[0].numpy()

        assert _decode(out).sum() == pytest.approx(_decode(picture.numpy()).sum(), rel=1e-6)
        assert out.max() > 0.2


class TestNoise:
    """The law of the noise."""

    def test_mean_and_variance(self) -> None:
        """In linear light the mean stays and the variance is K x + s²."""
        grey = torch.full((1, 300, 300), 0.5, dtype=torch.float64)
        light = _decode(T.SensorNoise(shot=1e-3, read=5e-3)(grey).numpy())
        x = float(_decode(np.array(0.5)))

        assert light.mean() == pytest.approx(x, rel=2e-3)
        assert light.var() == pytest.approx(1e-3 * x + 25e-6, rel=3e-2)

    def test_the_same_seed_is_the_same_noise_in_every_container(self, photo: np.ndarray) -> None:
        """PIL, a tensor and a batch of one get the same noise from the same seed."""
        from PIL import Image as PillowImage

        transform, outs = T.SensorNoise(), []
        chw = torch.from_numpy(photo).permute(2, 0, 1)
        for picture in (PillowImage.fromarray(photo), chw, chw[None]):
            torch.manual_seed(8)
            out = transform(picture)
            outs.append(np.asarray(out) if not isinstance(out, Tensor) else out.reshape(3, *photo.shape[:2]).permute(1, 2, 0).numpy())

        assert np.array_equal(outs[0], outs[1])
        assert np.array_equal(outs[0], outs[2])


class TestSaturation:
    """Exposure."""

    def test_gain_is_light(self, batch: Tensor) -> None:
        """Light times the gain, cut at white: exactly what the sRGB formula says."""
        out = T.Saturation(gain=2)(batch)
        light = np.minimum(2 * _decode(batch.numpy() / 255), 1)
        expected = np.where(light < 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)

        assert np.abs(out.numpy() - 255 * expected).max() <= 0.5 + 1e-6


class TestAnyBlur:
    """The choice of all blurs."""

    def test_every_kind_is_drawn_by_its_weight(self, batch: Tensor) -> None:
        """Kinds are drawn in proportion to their weights and none else."""
        transform = T.AnyBlur(weights={"motion": 3, "gaussian": 1}, severity=0.1)
        torch.manual_seed(0)
        kinds = transform.make_params([torch.zeros(2000, 1, 1, 1)])["kind"]

        assert kinds.count("motion") / 2000 == pytest.approx(0.75, abs=0.03)
        assert set(kinds) == {"motion", "gaussian"}

    def test_severity_scales(self) -> None:
        """Half the severity is half the length, and the numbers of the other kinds are NaN."""
        transform = T.AnyBlur(weights={"motion": 1, "defocus": 1}, severity=0.5)
        torch.manual_seed(0)
        params = transform.make_params([torch.zeros(50, 1, 1, 1)])
        motion = torch.tensor([kind == "motion" for kind in params["kind"]])

        assert (params["length_px"][motion] == 15.5).all()
        assert (params["radius_px"][~motion] == 5).all()
        assert params["length_px"][~motion].isnan().all()

    def test_stronger_is_blurrier(self, batch: Tensor) -> None:
        """With everything else equal, more severity leaves less detail."""
        detail = []
        for severity in (0.1, 0.4, 1.0):
            torch.manual_seed(0)
            out = T.AnyBlur(weights={"motion": 1, "shake": 1, "defocus": 1, "gaussian": 1}, severity=severity)(batch)
            detail.append(out.float().diff(dim=-1).abs().mean().item())

        assert detail[0] > detail[1] > detail[2]
