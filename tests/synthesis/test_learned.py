"""Virtual frames of others plug in: a function, or a TorchScript file; what is wrong with them is one sentence."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from filming import moving

from blurdata.errors import SourceError
from blurdata.synthesis import synthesize


def test_a_function_makes_the_virtual_frames() -> None:
    """A cross-fade adds nothing: its mean is that of the frames, up to the weight of the ends."""
    frames = moving(3, (48, 80), 4)
    asked = []

    def fade(before: np.ndarray, after: np.ndarray, moment: float) -> np.ndarray:
        asked.append(moment)
        return (1 - moment) * before + moment * after

    fields = {"window": 3, "virtual_frames": 4, "variant": "blur", "end_weight": 0.5}
    faded = synthesize(frames, fields, interpolator=fade)[0]
    plain = synthesize(frames, fields | {"interpolation": "none"})[0]

    assert asked == [0.25, 0.5, 0.75] * 2
    assert np.abs(faded.blurry.astype(int) - plain.blurry).max() <= 1


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize(("arguments", "steps"), [(3, 4), (2, 4), (2, 5)])
def test_a_torchscript_file_makes_the_virtual_frames(tmp_path: Path, arguments: int, steps: int) -> None:
    """A file with a moment, or one that knows only the middle, gives the frames of the cross-fade that it is."""
    torch = pytest.importorskip("torch")

    class Fade(torch.nn.Module):
        def forward(self, a, b, t):
            return a * (1 - t) + b * t

    class Middle(torch.nn.Module):
        def forward(self, a, b):
            return (a + b) / 2

    example = torch.zeros(1, 3, 64, 64)
    inputs = (example, example, torch.full((1, 1, 1, 1), 0.5))[:arguments]
    path = tmp_path / "fade.pt"
    torch.jit.trace(Fade() if arguments == 3 else Middle(), inputs).save(str(path))
    frames = moving(3, (48, 80), 4)

    fields = {"window": 3, "virtual_frames": steps, "variant": "blur"}
    pairs = synthesize(frames, fields, interpolator=path)
    fade = synthesize(frames, fields, interpolator=lambda a, b, t: (1 - t) * a + t * b)

    assert np.abs(pairs[0].blurry.astype(int) - fade[0].blurry).max() <= 1
    assert pairs.recipe["interpolator"] != str(path)  # its content counts, not its place


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_torchscript_frame_of_another_size_is_refused(tmp_path: Path) -> None:
    """A network that loses a row shifts the picture: it is named, although its answer is larger than the unpadded frame."""
    torch = pytest.importorskip("torch")

    class Shorter(torch.nn.Module):
        def forward(self, a, b):
            return ((a + b) / 2)[:, :, 1:]

    example = torch.zeros(1, 3, 64, 64)
    torch.jit.trace(Shorter(), (example, example)).save(str(tmp_path / "shorter.pt"))
    frames = moving(3, (48, 80), 4)

    with pytest.raises(SourceError, match=r"shorter\.pt.*63"):
        synthesize(frames, {"window": 3, "virtual_frames": 2}, interpolator=tmp_path / "shorter.pt")[0]


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_torchscript_file_that_fails_while_it_runs_is_one_sentence(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    (tmp_path / "small_only.py").write_text(
        "import torch\n\n\nclass SmallOnly(torch.nn.Module):\n"
        "    def forward(self, a, b):\n        assert a.shape[3] < 8, 'frames of 8 px only'\n        return (a + b) / 2\n"
    )
    spec = importlib.util.spec_from_file_location("small_only", tmp_path / "small_only.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.jit.script(module.SmallOnly()).save(str(tmp_path / "small_only.pt"))
    frames = moving(3, (48, 80), 4)

    with pytest.raises(SourceError, match=r"small_only\.pt: does not interpolate \(.*frames of 8 px only"):
        synthesize(frames, {"window": 3, "virtual_frames": 2}, interpolator=tmp_path / "small_only.pt")[0]


def test_no_torchscript_is_one_sentence(tmp_path: Path) -> None:
    """A text file for a network is named."""
    pytest.importorskip("torch")
    (tmp_path / "bad.pt").write_text("no network")
    frames = moving(3, (48, 80), 4)

    with pytest.raises(SourceError, match=r"bad\.pt"):
        synthesize(frames, {"window": 3, "virtual_frames": 2}, interpolator=tmp_path / "bad.pt")


def test_an_interpolator_may_write_into_its_input() -> None:
    """A function gets copies, so that what it does in place changes no other virtual frame."""
    frames = moving(3, (48, 80), 4)

    def fade(before: np.ndarray, after: np.ndarray, moment: float) -> np.ndarray:
        before *= 1 - moment
        before += moment * after
        return before

    fields = {"window": 3, "virtual_frames": 4, "variant": "blur"}
    careless = synthesize(frames, fields, interpolator=fade)[0]
    careful = synthesize(frames, fields, interpolator=lambda a, b, t: a * (1 - t) + t * b)[0]

    assert np.abs(careless.blurry.astype(int) - careful.blurry).max() <= 1


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [(np.nan, "NaN or infinity"), ("shape", "floats of shape"), ("codes", "floats of shape"), (200.0, "from 200 to 200")],
)
def test_an_interpolator_that_fails_is_named_with_its_frames(wrong: object, sentence: str) -> None:
    """NaN, wrong shapes and codes up to 255, which would all be white, are one sentence that names the two frames."""
    frames = moving(3, (48, 80), 4)

    def interpolate(before: np.ndarray, after: np.ndarray, moment: float) -> np.ndarray:
        if wrong == "codes":
            return (255 * before).astype(np.uint8)
        return before[1:] if wrong == "shape" else np.full_like(before, wrong)

    pairs = synthesize(frames, {"window": 3, "virtual_frames": 2}, interpolator=interpolate)
    with pytest.raises(SourceError, match=f"between frames 0 and 1: the interpolator gave .*{sentence}"):
        pairs[0]
