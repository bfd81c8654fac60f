"""The albumentations face: same result as torchvision's for the same parameters, logged, replayed, serialised, seeded."""

import json
import pickle
import warnings
from collections.abc import Callable
from importlib import metadata
from typing import Any

import albumentations as A
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from blurdata import transforms as T
from blurdata.errors import MissingDependency
from blurdata.transforms import albumentations as BA

ALL = {
    "motion": lambda **o: BA.MotionBlur(length_px=(5, 15), **o),
    "shake": lambda **o: BA.CameraShakeBlur(extent_px=(5, 15), **o),
    "disk": lambda **o: BA.DefocusBlur(radius_px=(2, 5), **o),
    "polygon": lambda **o: BA.DefocusBlur(radius_px=(2, 5), blades=(5, 7), **o),
    "gaussian": lambda **o: BA.GaussianBlur(sigma_px=(1, 3), ratio=(0.3, 1), **o),
    "zoom": lambda **o: BA.ZoomBlur(zoom=(1.05, 1.2), roll_deg=(-3, 3), **o),
    "depth": lambda **o: BA.DepthDefocusBlur(f_number=(0.5, 1.0), **o),
    "noise": lambda **o: BA.SensorNoise(shot=(5e-4, 1e-3), **o),
    "saturation": lambda **o: BA.Saturation(gain=(1.5, 3), **o),
    "imagenet_c": lambda **o: BA.ImageNetCBlur(**o),
    "any": lambda **o: BA.AnyBlur(severity=(0.3, 1), **o),
}


@pytest.fixture(params=sorted(ALL))
def make(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Make one of the transforms."""
    return ALL[request.param]


def _logged(out: dict[str, Any]) -> dict[str, Any]:
    params = dict(out["replay"]["transforms"][0]["params"])
    params.pop("shape")
    return params


class TestEveryTransform:
    """Promises of all of them."""

    @pytest.mark.parametrize("dtype", [np.uint8, np.float32])
    def test_same_result_as_torchvision(self, make: Callable[..., Any], photo: np.ndarray, dtype: type) -> None:
        """The parameters that ReplayCompose logged give the same bytes through the torchvision transform of the same name."""
        picture = photo if dtype is np.uint8 else (photo / 255).astype(np.float32)
        transform = make()
        out = A.ReplayCompose([transform])(image=picture)
        twin = getattr(T, type(transform).__name__)(**({"blades": transform.blades} if getattr(transform, "blades", None) else {}))
        params = {name: [value] for name, value in _logged(out).items()}
        expected = twin.transform(torch.from_numpy(picture).permute(2, 0, 1), params).permute(1, 2, 0).numpy()

        assert out["image"].dtype == dtype
        assert not np.array_equal(out["image"], picture)
        assert np.array_equal(out["image"], expected)

    def test_replay_through_json(self, make: Callable[..., Any], photo: np.ndarray) -> None:
        """What was logged is plain JSON, in physical units, and replays the same bytes."""
        out = A.ReplayCompose([make()])(image=photo)
        saved = json.loads(json.dumps(out["replay"], allow_nan=False))

        assert np.array_equal(A.ReplayCompose.replay(saved, image=photo)["image"], out["image"])

    def test_serialisation(self, make: Callable[..., Any], photo: np.ndarray) -> None:
        """`A.to_dict` through JSON and `A.from_dict`, and pickle, give the same transform back."""
        pipeline = A.Compose([make(p=0.8)])
        loaded = A.from_dict(json.loads(json.dumps(A.to_dict(pipeline))))

        for twin in (loaded, pickle.loads(pickle.dumps(pipeline))):
            pipeline.set_random_seed(3)
            twin.set_random_seed(3)
            for _ in range(4):
                assert np.array_equal(twin(image=photo)["image"], pipeline(image=photo)["image"])

    def test_boxes_masks_and_keypoints_pass(self, make: Callable[..., Any], photo: np.ndarray) -> None:
        """Annotations come back as they were; only the picture changes."""
        pipeline = A.Compose(
            [A.NoOp(p=1), make()],
            bbox_params=A.BboxParams("pascal_voc", label_fields=["labels"]),
            keypoint_params=A.KeypointParams("xy"),
        )
        mask = np.eye(*photo.shape[:2], dtype=np.uint8)
        out = pipeline(image=photo, mask=mask, bboxes=[[4, 8, 16, 32]], labels=[5], keypoints=[[3, 4]])

        assert not np.array_equal(out["image"], photo)
        assert np.array_equal(out["mask"], mask)
        assert np.allclose(out["bboxes"], [[4, 8, 16, 32]], atol=1e-3)
        assert (out["labels"], np.asarray(out["keypoints"]).tolist()) == ([5], [[3, 4]])

    def test_a_clip_has_one_draw(self, make: Callable[..., Any], photo: np.ndarray) -> None:
        """All frames of `images` are degraded alike; only noise differs from frame to frame."""
        transform = make()
        frames = transform(images=np.stack([photo] * 3))["images"]

        assert frames.shape == (3, *photo.shape)
        assert np.array_equal(frames[0], frames[2]) == (not isinstance(transform, BA.SensorNoise))

    def test_the_sharp_half_of_a_pair(self, make: Callable[..., Any], photo: np.ndarray) -> None:
        """Geometry moves both halves of a pair, and the target named `sharp` is never degraded; other pictures are, alike."""
        targets = {"sharp": "image", "right": "image"}
        pipeline = A.Compose([A.HorizontalFlip(p=1), make()], additional_targets=targets)
        out = pipeline(image=photo, sharp=photo, right=photo)

        assert np.array_equal(out["sharp"], photo[:, ::-1])
        assert np.array_equal(out["right"], out["image"])
        assert not np.array_equal(out["image"], photo[:, ::-1])

    @pytest.mark.parametrize("channels", [0, 1, 5])
    def test_grey_and_many_channels(self, make: Callable[..., Any], photo: np.ndarray, channels: int) -> None:
        """(H, W) and any number of channels keep their shape."""
        picture = photo[..., 0] if channels == 0 else np.repeat(photo[..., :1], channels, axis=2)

        assert make()(image=picture)["image"].shape == picture.shape

    def test_probability(self, make: Callable[..., Any], photo: np.ndarray) -> None:
        """P = 0 never and p = 0.5 now and then changes the picture."""
        never, often = A.Compose([make(p=0)]), A.Compose([make(p=0.5)], seed=0)

        assert all(np.array_equal(never(image=photo)["image"], photo) for _ in range(5))
        assert len({np.array_equal(often(image=photo)["image"], photo) for _ in range(20)}) == 2


class TestSeeds:
    """Where randomness comes from."""

    def test_two_kinds_in_a_pipeline_are_independent(self, photo: np.ndarray) -> None:
        """One seed for the pipeline does not make motion and defocus draw the same numbers."""
        pipeline = A.Compose([BA.MotionBlur((0, 1), 0), BA.DefocusBlur((0, 1))], seed=5, save_applied_params=True)
        applied = dict(pipeline(image=photo)["applied_transforms"])

        assert applied["MotionBlur"]["length_px"] != applied["DefocusBlur"]["radius_px"]

    def test_global_generators_do_not_matter(self, photo: np.ndarray) -> None:
        """Two pipelines of one seed agree whatever the global generators do."""
        outs = []
        for seed in (1, 2):
            np.random.seed(seed)
            torch.manual_seed(seed)
            outs.append(A.Compose([BA.CameraShakeBlur()], seed=9)(image=photo)["image"])

        assert np.array_equal(outs[0], outs[1])

    @pytest.mark.parametrize("seed", [None, 4])
    def test_workers_and_epochs_differ(self, seed: int | None) -> None:
        """In 2.0.8 all workers and epochs repeat each other's draws; ours do not, with or without a seed for the pipeline."""
        loader = DataLoader(_Lengths(seed), num_workers=2)
        drawn = [length.item() for _ in range(2) for length in loader]

        assert len(set(drawn)) == 12

    def test_a_seed_repeats_the_whole_run(self) -> None:
        """`Compose(seed=…)` and `torch.manual_seed(…)` together repeat all epochs of all workers."""
        runs = []
        for _ in range(2):
            torch.manual_seed(21)
            loader = DataLoader(_Lengths(4), num_workers=2)
            runs.append([length.item() for _ in range(2) for length in loader])

        assert runs[0] == runs[1]


class _Lengths(Dataset[float]):
    """What the transform drew for each of six samples."""

    def __init__(self, seed: int | None) -> None:
        self.pipeline = A.Compose([BA.MotionBlur()], seed=seed, save_applied_params=True)

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> float:
        return self.pipeline(image=np.zeros((8, 8, 3), np.uint8))["applied_transforms"][0][1]["length_px"]


class TestDistribution:
    """The module name belongs to two distributions; only one is right."""

    @pytest.mark.parametrize(
        ("installed", "sentence"),
        [
            ({"albumentations": "2.0.8", "albumentationsx": "2.4.11"}, "AlbumentationsX 2.4.11, which is AGPL"),
            ({"albumentationsx": "2.0.9"}, "pip uninstall -y albumentationsx"),
            ({}, r"needs the package albumentations: pip install 'albumentations>=2.0.8,<2.1'"),
            ({"albumentations": "1.4.24"}, "version 1.4.24 is installed"),
            ({"albumentations": "2.1.0"}, "version 2.1.0 is installed"),
        ],
    )
    def test_the_wrong_one_is_named(self, monkeypatch: pytest.MonkeyPatch, installed: dict[str, str], sentence: str) -> None:
        """Another distribution or version is a MissingDependency that says which is needed."""

        def version(name: str) -> str:
            if name not in installed:
                raise metadata.PackageNotFoundError(name)
            return installed[name]

        monkeypatch.setattr(metadata, "version", version)
        with pytest.raises(MissingDependency, match=sentence):
            BA.check_distribution()

    def test_the_right_one_is_taken(self) -> None:
        """The distribution of this environment passes without a warning."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            BA.check_distribution()


def test_same_names_and_parameters() -> None:
    """Every degradation of `blurdata.transforms` is here, with the same constructor."""
    import inspect

    from blurdata.transforms import vision

    names = [name for name in T.__all__ if isinstance(getattr(T, name), type) and issubclass(getattr(T, name), vision.BlurTransform)]

    assert len(names) == 10
    for name in names:
        assert inspect.signature(getattr(BA, name)) == inspect.signature(getattr(T, name))
