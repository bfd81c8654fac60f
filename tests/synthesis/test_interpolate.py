"""Virtual frames: they follow the motion and see occlusions."""

import cv2
import numpy as np
import pytest

from blurdata.color import curve
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
    total, marks = np.zeros((height, width, 3), np.uint64), np.zeros((height, width), np.int8)
    codes, fades = np.zeros((3, 2)), np.zeros((height, width), np.float32)
    add_between(total, np.empty((0, 0, 0), np.uint64), a, b, *ways, marks, marks, fades, fades, 1, 2, np.uint64(1), 1e6, codes, 0, height)
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


def _encoded(light: np.ndarray) -> np.ndarray:
    return np.floor(np.clip(curve("srgb").encode(light), 0, 1) * 255 + 0.5).astype(np.uint8)


@pytest.mark.parametrize(("count", "radius", "speed_px"), [(3, 8, 30), (5, 4, 18)])
def test_lights_that_outrun_the_flow_keep_their_light(count: int, radius: int, speed_px: float) -> None:
    """A lamp that flow cannot follow fades where it is; the scene behind it, which flow does follow, does not take its place."""
    rng = np.random.default_rng(1)
    scene = cv2.resize(rng.random((40, 80, 3)).astype(np.float32), (400, 200), interpolation=cv2.INTER_CUBIC) * 0.04 + 0.005

    def light(t: float) -> np.ndarray:
        lamp = np.zeros((200, 400), np.float32)
        cv2.circle(lamp, (int((60 + speed_px * t) * 16), 1600), radius * 16, 1, -1, cv2.LINE_AA, 4)
        return scene * (1 - lamp[..., None]) + lamp[..., None]

    frames = [_encoded(light(t)) for t in range(count)]
    truth = np.mean([light(t) for t in np.linspace(0, count - 1, 200)], axis=0) - scene
    fields = {"window": count, "curve": "srgb", "variant": "blur_gamma", "end_weight": 0.5, "interpolation": "dis", "max_disagreement": 1}
    pair = synthesize(frames, fields)[0]
    kept = (curve("srgb").decode(pair.blurry / 255.0) - scene).sum() / truth.sum()
    assert 0.85 <= kept <= 1.15


def test_a_screen_before_a_moving_scene_stays() -> None:
    """Thin lines that stand still before a pan are not carried along with it: no worse than without interpolation."""
    rng = np.random.default_rng(5)
    scene = cv2.resize(rng.random((50, 130, 3)).astype(np.float32), (520, 200), interpolation=cv2.INTER_CUBIC) * 0.6 + 0.05
    screen = np.zeros((200, 320, 1), np.float32)
    screen[::32], screen[:, ::32] = 0.9, 0.9

    def light(t: float) -> np.ndarray:
        move = np.float32([[1, 0, -20 - 8 * t], [0, 1, 0]])
        return np.where(screen > 0, screen, cv2.warpAffine(scene, move, (320, 200), flags=cv2.INTER_CUBIC))

    frames = [_encoded(light(t)) for t in range(3)]
    truth = _encoded(np.mean([light(t) for t in np.linspace(0, 2, 100)], axis=0)).astype(np.float64)
    fields = {"window": 3, "curve": "srgb", "variant": "blur_gamma", "end_weight": 0.5, "max_disagreement": 1}
    errors = {}
    for mode in ("dis", "none"):
        pair = synthesize(frames, {**fields, "interpolation": mode})[0]
        errors[mode] = np.mean((pair.blurry - truth) ** 2)
    assert errors["dis"] < errors["none"]
