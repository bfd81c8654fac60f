"""Virtual frames: they follow the motion, see occlusions, and learned ones plug in."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from blurdata.color import curve
from blurdata.errors import SourceError
from blurdata.synthesis import synthesize
from blurdata.synthesis.bend import carried_on
from blurdata.synthesis.blend import LightSum
from blurdata.synthesis.interpolate import Between, DisInterpolator
from blurdata.synthesis.warp import add_between, visible


def _texture(height: int, width: int, seed: int = 0, *, grain_px: float = 2.0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), grain_px)
    return (np.clip(0.5 + 0.22 * smooth / smooth.std(), 0, 1) * 255).astype(np.uint8)


def _shifted(texture: np.ndarray, shift: float) -> np.ndarray:
    matrix = np.float32([[1, 0, shift], [0, 1, 0]])
    return cv2.warpAffine(texture, matrix, texture.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)


def _psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


@pytest.mark.parametrize("bits", [8, 16])
def test_the_middle_frame_is_rebuilt(bits: int) -> None:
    """Half-way between two shifted frames lies the frame shifted half as far, far better than by averaging."""
    before, middle, after = (_shifted(_texture(120, 160), shift)[:, 20:140] for shift in (0, 5, 10))
    wide = 257 if bits == 16 else 1
    dtype = np.uint16 if bits == 16 else np.uint8

    total = LightSum(curve("srgb"), bits=bits, samples=1)
    DisInterpolator(curve("srgb"), bits=bits)((before * dtype(wide)).astype(dtype), (after * dtype(wide)).astype(dtype)).add_to(
        total, None, 2, 1
    )
    rebuilt = total.codes() / wide

    assert _psnr(rebuilt, middle) > _psnr((before.astype(float) + after) / 2, middle) + 6


def test_threads_change_no_byte() -> None:
    """The sums are the same on one thread and on three."""
    before, after = (_shifted(_texture(90, 130), shift) for shift in (0, 9))
    sums = []
    for threads in (1, 3):
        light, code = (LightSum(curve(name), bits=8, samples=12) for name in ("gamma22", "linear"))
        DisInterpolator(curve("gamma22"), bits=8, threads=threads)(before, after).add_to(light, code, 12, 1)
        sums.append((light.sums().copy(), code.sums().copy()))

    assert all(np.array_equal(a, b) for a, b in zip(*sums, strict=True))


def test_a_moving_texture_becomes_its_convolution_with_the_path() -> None:
    """Enough virtual frames of a texture moved by 12 px give its convolution with that path, in linear light."""
    texture = _texture(96, 200)
    frames = [_shifted(texture, 6.0 * i)[:, 40:160] for i in range(3)]
    pair = synthesize(frames, {"window": 3, "interpolation": "dis", "virtual_frames": 12, "end_weight": 0.5, "variant": "blur_gamma"})[0]

    light = curve("gamma22")
    fine = [light.decode(_shifted(texture, 0.5 * k)[:, 40:160] / 255) for k in range(25)]
    weights = np.array([0.5] + [1.0] * 23 + [0.5]) / 24
    expected = light.encode(np.tensordot(weights, np.stack(fine), axes=1)) * 255
    inner = np.s_[8:-8, 16:-16]

    assert _psnr(pair.blurry[inner], expected[inner]) > 40
    assert pair.meta["samples"] == 25


def test_steps_follow_the_motion() -> None:
    """As many virtual frames as keep each step under a pixel, or under `max_step_px`."""
    frames = [_shifted(_texture(96, 160), 7.0 * i)[:, 30:130] for i in range(3)]
    fields = {"window": 3, "interpolation": "dis", "variant": "blur_gamma"}

    fine = synthesize(frames, fields)[0].meta["virtual_frames"]
    coarse = synthesize(frames, fields | {"max_step_px": 4.0})[0].meta["virtual_frames"]

    assert 7 <= fine <= 12
    assert 2 <= coarse <= 3


def test_windows_whose_flows_disagree_are_refused_and_counted() -> None:
    """Noise has no motion to follow."""
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (64, 96, 3), dtype=np.uint8) for _ in range(3)]
    moving = [_shifted(_texture(64, 140), 3.0 * i)[:, 20:116] for i in range(3)]

    pairs = synthesize(moving + noise, {"window": 3, "interpolation": "dis"})

    assert len(pairs) == 1
    assert pairs.summary()["windows_refused_by_flow"] == 1
    assert pairs.summary()["refused_by_flow_share"] == 0.5


def test_flows_that_disagree_on_a_plain_wall_do_no_harm() -> None:
    """Grain is all there is to follow there, and any flow shows the same wall: the thing that moves before it decides."""
    rng = np.random.default_rng(0)
    frames = []
    for i in range(3):
        frame = rng.normal(150, 1.2, (180, 240, 1)).repeat(3, axis=2)
        frame[60:120, 60 + 6 * i : 120 + 6 * i] = _texture(60, 60)
        frames.append(np.clip(frame + 0.5, 0, 255).astype(np.uint8))

    pairs = synthesize(frames, {"window": 3, "interpolation": "dis"})

    assert len(pairs) == 1
    assert pairs[0].meta["flow_disagreement"] < 0.05


def test_visible_marks_what_is_covered() -> None:
    """A pixel whose forward and backward flow do not cancel is not seen in the other frame."""
    forward, backward = np.zeros((8, 12, 2), np.float32), np.zeros((8, 12, 2), np.float32)
    forward[:, 4:8, 0] = 3.0

    seen = visible(forward, backward)

    assert seen[:, :4].all()
    assert not seen[:, 4:8].any()


def test_what_is_hidden_goes_on_as_it_came() -> None:
    """Where the next frame does not show a pixel its way is the one from the frame before, if that shows it."""
    onward, back = np.full((1, 4, 2), 5, np.float32), np.full((1, 4, 2), -3, np.float32)
    seen, back_seen = np.array([[1, 1, 0, 0]], np.uint8), np.array([[1, 0, 1, 0]], np.uint8)

    way, marks = carried_on(onward, seen, back, back_seen)

    assert way[0, :, 0].tolist() == [5, 5, 3, 5]
    assert marks.tolist() == [[0, 0, 2, 1]]


def test_frames_before_and_after_tell_what_is_uncovered() -> None:
    """A disc passes over a moving ground: what it covers in one of two frames is made better where those beside them are known."""
    ground, cover = (_texture(160, 320, seed, grain_px=4.0) for seed in (1, 2))
    y, x = np.mgrid[:160, :320]

    def view(moment: float) -> np.ndarray:
        inside = cv2.GaussianBlur((np.hypot(x - 90 - 8 * moment, y - 80) < 34).astype(np.float32), (0, 0), 0.7)[..., None]
        return np.rint(_shifted(cover, 8 * moment) * inside + _shifted(ground, -4 * moment) * (1 - inside)).astype(np.uint8)

    look = DisInterpolator(curve("srgb"), bits=8)
    gaps = [look(view(i), view(i + 1)) for i in range(3)]
    true, around = view(1.5), np.s_[30:130, 60:180]
    found = []
    for gap in (gaps[1].bent(None, None), gaps[1].bent(gaps[0], gaps[2])):
        total = LightSum(curve("srgb"), bits=8, samples=1)
        gap.add_to(total, None, 2, 1)
        found.append(_psnr(total.codes()[around], true[around]))

    assert found[1] > found[0] + 1


def _halfway(a: np.ndarray, b: np.ndarray, forward_px: float, backward_px: float) -> np.ndarray:
    """The frame between two rows of light, by flows that are the same everywhere; all pixels are marked as seen."""
    height, width = a.shape[:2]
    ways = [np.zeros((height, width, 4), np.float32) for _ in range(2)]
    ways[0][..., 0], ways[1][..., 0] = forward_px, backward_px
    total, marks = np.zeros((height, width, 3), np.uint64), np.zeros((height, width), np.uint8)
    codes = np.zeros((3, 2))
    add_between(total, np.empty((0, 0, 0), np.uint64), a, b, *ways, marks, marks, 1, 2, np.uint64(1), 1e6, codes, 0, height)
    return total / 1e6


def test_of_two_motions_the_one_with_like_ends_counts() -> None:
    """Flow from one side may be right where that from the other is not; two that are equally unlike count the same."""
    dark_light = np.repeat([0.2, 0.8], 20).astype(np.float32)[None, :, None] * np.ones((4, 1, 3), np.float32)
    light_dark = dark_light[:, ::-1].copy()

    for flows in ((0, 30), (30, 0), (0, -30), (-30, 0)):  # the ends that are 30 px apart are dark and light near the edge
        np.testing.assert_allclose(_halfway(dark_light, dark_light, *flows)[:, 10:14], 0.2, atol=0.01)
    np.testing.assert_allclose(_halfway(dark_light, light_dark, 1, 1)[:, 5:15], 0.5, atol=1e-5)


def test_a_moving_light_leaves_a_clipped_trail() -> None:
    """A clipped light is brought back by alpha along its whole way, which is as long as it moved."""
    base = np.full((64, 160, 3), 20, np.uint8)
    frames = []
    for i in range(5):
        frame = base.copy()
        frame[28:36, 40 + 8 * i : 48 + 8 * i] = 255
        frames.append(frame)
    sensor = {"noise": None, "saturation": 4.9, "rim_px": 0}

    pair = synthesize(frames, {"window": 5, "variant": "blur_gamma", "sensor": sensor})[0]
    dim = synthesize(frames, {"window": 5, "variant": "blur_gamma", "sensor": sensor | {"saturation": None}})[0]

    assert (pair.blurry[32, :, 0] == 255).sum() == 5 * 8
    assert (dim.blurry[32, :, 0] == 255).sum() == 0
    assert pair.meta["saturation_alpha"] == 4.9


def test_a_moving_light_leaves_an_even_trail_under_a_function_too() -> None:
    """The function tells nothing of where things go, so the mask of clipped samples moves along optical flow; faded over, it has gaps."""

    def lamp(place: float) -> np.ndarray:
        x = np.arange(160.0)
        cover = np.clip(x + 1 - place, 0, 1) * np.clip(place + 8 - x, 0, 1)
        frame = np.full((64, 160, 3), 20.0)
        frame[28:36] += (235 * cover)[None, :, None]
        return frame / 255

    frames = [np.rint(255 * lamp(40 + 8 * i)).astype(np.uint8) for i in range(5)]

    def exact(before: np.ndarray, after: np.ndarray, moment: float) -> np.ndarray:
        place = float(np.argmax(before[32, :, 0] > 0.5)) + 8 * moment
        return lamp(place).astype(np.float32)

    sensor = {"noise": None, "saturation": 1.0, "rim_px": 0}
    fields = {"window": 5, "virtual_frames": 8, "variant": "blur_gamma", "sensor": sensor}
    trail = synthesize(frames, fields, interpolator=exact)[0].blurry[32, 52:68, 0].astype(float)

    assert trail.min() > 0.93 * trail.max()


def test_a_function_makes_the_virtual_frames() -> None:
    """A cross-fade adds nothing: its mean is that of the frames, up to the weight of the ends."""
    frames = [_shifted(_texture(48, 120), 4.0 * i)[:, 20:100] for i in range(3)]
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
    frames = [_shifted(_texture(48, 120), 4.0 * i)[:, 20:100] for i in range(3)]

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
    frames = [_shifted(_texture(48, 120), 4.0 * i)[:, 20:100] for i in range(3)]

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
    frames = [_shifted(_texture(48, 120), 4.0 * i)[:, 20:100] for i in range(3)]

    with pytest.raises(SourceError, match=r"small_only\.pt: does not interpolate \(.*frames of 8 px only"):
        synthesize(frames, {"window": 3, "virtual_frames": 2}, interpolator=tmp_path / "small_only.pt")[0]


def test_no_torchscript_is_one_sentence(tmp_path: Path) -> None:
    """A text file for a network is named."""
    pytest.importorskip("torch")
    (tmp_path / "bad.pt").write_text("no network")
    frames = [_shifted(_texture(48, 120), 4.0 * i)[:, 20:100] for i in range(3)]

    with pytest.raises(SourceError, match=r"bad\.pt"):
        synthesize(frames, {"window": 3, "virtual_frames": 2}, interpolator=tmp_path / "bad.pt")


def test_an_interpolator_may_write_into_its_input() -> None:
    """A function gets copies, so that what it does in place changes no other virtual frame."""
    frames = [_shifted(_texture(48, 120), 4.0 * i)[:, 20:100] for i in range(3)]

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
    frames = [_shifted(_texture(48, 120), 4.0 * i)[:, 20:100] for i in range(3)]

    def interpolate(before: np.ndarray, after: np.ndarray, moment: float) -> np.ndarray:
        if wrong == "codes":
            return (255 * before).astype(np.uint8)
        return before[1:] if wrong == "shape" else np.full_like(before, wrong)

    pairs = synthesize(frames, {"window": 3, "virtual_frames": 2}, interpolator=interpolate)
    with pytest.raises(SourceError, match=f"between frames 0 and 1: the interpolator gave .*{sentence}"):
        pairs[0]


def test_motion_curves_as_the_neighbouring_frames_tell() -> None:
    """Frames at 0, 2, 8, 18 px speed up: the middle of the second interval lies at 4.5 px, not at 5, and is found there."""
    frames = [_shifted(_texture(120, 200), shift)[:, 40:180] for shift in (0, 2, 8, 18)]
    truth = _shifted(_texture(120, 200), 4.5)[8:-8, 48:172]
    interpolator = DisInterpolator(curve("gamma22"), bits=8)
    first, gap, last = (interpolator(*frames[i : i + 2]) for i in range(3))

    def middle(earlier: Between | None, later: Between | None) -> np.ndarray:
        total = LightSum(curve("gamma22"), bits=8, samples=1)
        gap.bent(earlier, later).add_to(total, None, 2, 1)
        return total.codes()[8:-8, 8:-8]

    straight = _psnr(middle(None, None), truth)
    assert _psnr(middle(first, None), truth) > straight + 6
    assert _psnr(middle(None, last), truth) > straight + 6
    assert _psnr(middle(first, last), truth) > straight + 6


@pytest.mark.parametrize("places", [(0, 0, 0, 9), (0, 9, 9, 9), (0, 9, 9), (0, 0, 9)])
def test_a_camera_that_rests_between_two_frames_is_not_moved_by_what_comes_before_or_after(places: tuple[int, ...]) -> None:
    frames = [_shifted(_texture(120, 200), shift)[:, 40:180] for shift in places]
    rest = next(i for i in range(len(places) - 1) if places[i] == places[i + 1])
    gaps = dict(enumerate(DisInterpolator(curve("gamma22"), bits=8)(*frames[i : i + 2]) for i in range(len(places) - 1)))
    total = LightSum(curve("gamma22"), bits=8, samples=1)

    gaps[rest].bent(gaps.get(rest - 1), gaps.get(rest + 1)).add_to(total, None, 2, 1)

    np.testing.assert_array_equal(total.codes()[8:-8, 16:-16], frames[rest][8:-8, 16:-16])


def test_a_lost_frame_does_not_shorten_its_part_of_an_exposure() -> None:
    """A frame that was lost and shown again is left out, and twice as many virtual frames bridge the gap; the sum weights time evenly."""
    texture = _texture(120, 220)
    places = [0.0, 4.0, 8.0, 8.0, 16.0, 20.0, 24.0, 28.0]
    fields = {"window": 5, "interpolation": "dis", "virtual_frames": 8, "end_weight": 0.5, "variant": "blur_gamma"}
    pair = synthesize([_shifted(texture, place)[:, 40:180] for place in places], fields)[0]

    light, shifts = curve("gamma22"), np.linspace(0, 20, 41)
    weights = np.r_[0.5, np.ones(39), 0.5] / 40
    views = np.stack([light.decode(_shifted(texture, shift)[:, 40:180] / 255) for shift in shifts])
    truth = light.encode(np.tensordot(weights, views, axes=1)) * 255
    inner = np.s_[8:-8, 24:-24]
    assert pair.meta["frames"] == [0, 1, 2, 4, 5]
    assert pair.meta["samples"] == 41
    assert _psnr(pair.blurry[inner], truth[inner]) > 45


def test_an_exposure_uses_both_neighbours_of_an_interval() -> None:
    """Three frames of a quickening motion, blended, are nearer to the true blur than two straight halves."""
    texture = _texture(120, 220)
    places = [0.0, 3.0, 12.0]
    fields = {"window": 3, "interpolation": "dis", "virtual_frames": 12, "end_weight": 0.5, "variant": "blur_gamma"}

    def shot(shift: float) -> np.ndarray:
        return _shifted(texture, shift)[:, 40:180]

    def blend(shifts: list[float]) -> np.ndarray:
        light, weights = curve("gamma22"), np.r_[0.5, np.ones(len(shifts) - 2), 0.5] / (len(shifts) - 1)
        return light.encode(np.tensordot(weights, np.stack([light.decode(shot(shift) / 255) for shift in shifts]), axes=1)) * 255

    inner = np.s_[8:-8, 16:-16]
    blurry = synthesize([shot(place) for place in places], fields)[0].blurry[inner]

    curved = _psnr(blurry, blend([12 * (k / 24) ** 2 for k in range(25)])[inner])
    straight = _psnr(blurry, blend([*np.linspace(0, 3, 13), *np.linspace(3, 12, 13)[1:]])[inner])
    assert curved > 40
    assert curved > straight
