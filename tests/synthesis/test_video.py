"""Reading videos: colours, depth, rotation, damage."""

import gc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from filming import moving, write_film

from blurdata.errors import SourceError
from blurdata.sources import open_source
from blurdata.synthesis import synthesize
from blurdata.synthesis.frames import FrameIndex
from blurdata.synthesis.rgb import ToRgb
from blurdata.synthesis.video import VideoFilm

# luma weights of red and blue: BT.601, BT.709, BT.2020
_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
_TAGS = {"bt601": 6, "bt709": 1, "bt2020": 9}


def _to_yuv(rgb: tuple[float, float, float], matrix: str, *, full: bool, bits: int) -> tuple[int, int, int]:
    """The definition: Y'CbCr of one R'G'B' colour in [0, 1], quantised."""
    red, blue = _WEIGHTS[matrix]
    y = red * rgb[0] + (1 - red - blue) * rgb[1] + blue * rgb[2]
    cb, cr = (rgb[2] - y) / (2 * (1 - blue)), (rgb[0] - y) / (2 * (1 - red))
    scale = 1 << (bits - 8)
    if full:
        top = (1 << bits) - 1
        return round(y * top), round(cb * top + (1 << (bits - 1))), round(cr * top + (1 << (bits - 1)))
    return round((16 + 219 * y) * scale), round((128 + 224 * cb) * scale), round((128 + 224 * cr) * scale)


def _write_yuv(path: Path, colours: list[tuple[float, float, float]], matrix: str, *, full: bool, bits: int, frames: int = 3) -> None:
    """Vertical bars of flat colours in a lossless file whose tags say what they are."""
    size, bar = 32, 32
    dtype = np.uint8 if bits == 8 else np.uint16
    planes = [np.zeros((size, bar * len(colours)), dtype)] + [np.zeros((size // 2, bar * len(colours) // 2), dtype) for _ in range(2)]
    for i, colour in enumerate(colours):
        for plane, value, width in zip(planes, _to_yuv(colour, matrix, full=full, bits=bits), (bar, bar // 2, bar // 2), strict=True):
            plane[:, i * width : (i + 1) * width] = value
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height = bar * len(colours), size
        stream.pix_fmt = "yuv420p" if bits == 8 else "yuv420p10le"
        stream.codec_context.colorspace = _TAGS[matrix]
        stream.codec_context.color_range = 2 if full else 1
        for number in range(frames):
            frame = av.VideoFrame(bar * len(colours), size, stream.pix_fmt)
            for plane, data in zip(frame.planes, planes, strict=True):
                rows = np.zeros((plane.height, plane.line_size // data.itemsize), dtype)
                rows[:, : data.shape[1]] = data
                plane.update(rows.tobytes())
            frame.pts = number
            frame.colorspace, frame.color_range = _TAGS[matrix], 2 if full else 1
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("bits", [8, 10])
def test_colour_matrix_range_and_depth_are_honoured(tmp_path: Path, matrix: str, full: bool, bits: int) -> None:
    """Flat colours come back as they were, whatever matrix, range and depth they were stored in."""
    colours = [(0.8, 0.2, 0.2), (0.2, 0.8, 0.2), (0.2, 0.2, 0.8), (0.5, 0.5, 0.5), (0.02, 0.02, 0.02), (1.0, 1.0, 1.0)]
    path = tmp_path / "bars.mkv"
    _write_yuv(path, colours, matrix, full=full, bits=bits)

    frame = next(iter(VideoFilm(path).read(0, 1, FrameIndex())))

    assert frame.dtype == (np.uint8 if bits == 8 else np.uint16)
    top = np.iinfo(frame.dtype).max
    found = np.stack([frame[8:24, 32 * i + 8 : 32 * i + 24].reshape(-1, 3).mean(axis=0) / top for i in range(len(colours))])
    assert np.abs(found - np.array(colours)).max() < (1.6 / 255 if bits == 8 else 1.6 / 1023)


def _definition(planes: list[np.ndarray], size: tuple[int, int], matrix: str, *, full: bool, centred: bool) -> np.ndarray:
    """R'G'B' in float64 of three planes: chroma linearly interpolated, between rows and on the left column or between two."""
    red, blue = _WEIGHTS[matrix]
    y, cb, cr = (plane.astype(np.float64) for plane in planes)

    def spread(plane: np.ndarray, axis: int, first: float) -> np.ndarray:
        length, count = size[axis], plane.shape[axis]
        if length == count:
            return plane
        at = np.clip((np.arange(length) - first) / 2, 0, count - 1)
        low = np.minimum(at.astype(int), count - 1)
        part = np.expand_dims(at - low, 1 - axis)
        return (1 - part) * plane.take(low, axis) + part * plane.take(np.minimum(low + 1, count - 1), axis)

    cb, cr = (spread(spread(c, 0, 0.5), 1, 0.5 if centred else 0.0) - 128 for c in (cb, cr))
    light, chroma = (y, 1.0) if full else ((y - 16) * 255 / 219, 255 / 224)
    r, b = light + 2 * (1 - red) * chroma * cr, light + 2 * (1 - blue) * chroma * cb
    g = (light - red * r - blue * b) / (1 - red - blue)
    return np.clip(np.stack([r, g, b], axis=-1), 0, 255)


@pytest.mark.parametrize("size", [(36, 52), (37, 53)])
@pytest.mark.parametrize("name", ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv411p", "nv12"])
@pytest.mark.parametrize("codec", ["h264", "mjpeg"])
def test_frames_of_8_bits_are_their_definition_to_half_a_code(size: tuple[int, int], name: str, codec: str) -> None:
    """Interpolated chroma, every sample rounded once: at no pixel more than half a code off, at odd sizes and for every layout."""
    rng = np.random.default_rng(0)
    planar = {"nv12": "yuv420p", "yuv411p": "yuv444p"}.get(name, name)
    frame = av.VideoFrame(size[1], size[0], name)
    for plane in frame.planes:
        plane.update(rng.integers(16, 236, (plane.height, plane.line_size), dtype=np.uint8).tobytes())
    frame.colorspace = _TAGS["bt709"]
    stored = frame if planar == name else frame.reformat(format=planar)
    planes = [np.frombuffer(p, np.uint8).reshape(p.height, p.line_size)[:, : p.width] for p in stored.planes]

    found = ToRgb("auto", codec)(frame)

    wanted = _definition(planes, size, "bt709", full=name.startswith("yuvj"), centred=codec == "mjpeg")
    assert found.shape == (*size, 3)
    assert np.abs(found - wanted).max() < 0.51


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("bits", [8, 10, 16])
def test_grey_frames_are_honoured_in_their_range(full: bool, bits: int) -> None:
    """Grey is luma without chroma, of limited range where the frame says so."""
    frame = av.VideoFrame(64, 16, "gray" if bits == 8 else f"gray{bits}le")
    rng = np.random.default_rng(0)
    plane = frame.planes[0]
    rows = rng.integers(0, 1 << bits, (plane.height, plane.line_size * 8 // max(8, 16 * (bits > 8))), dtype=np.uint16)
    plane.update(rows.astype(np.uint8 if bits == 8 else np.uint16).tobytes())
    frame.color_range = 2 if full else 1

    found = ToRgb("auto", "ffv1")(frame)

    scale, top = 1 << (bits - 8), (255 if bits == 8 else 65535)
    light = rows[:, :64] / ((1 << bits) - 1) if full else (rows[:, :64] - 16.0 * scale) / (219 * scale)
    assert found.shape == (16, 64, 3)
    assert np.abs(found - np.clip(light, 0, 1)[..., None] * top).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("bits", [10, 12])
def test_frames_without_fewer_chroma_samples_are_their_definition_in_16_bits(full: bool, bits: int) -> None:
    frame = av.VideoFrame(64, 16, f"yuv444p{bits}le")
    rng, top = np.random.default_rng(0), (1 << bits) - 1
    planes = [rng.integers(0, top + 1, (16, plane.line_size // 2), dtype=np.uint16) for plane in frame.planes]
    for plane, rows in zip(frame.planes, planes, strict=True):
        plane.update(rows.tobytes())
    frame.colorspace, frame.color_range = _TAGS["bt709"], 2 if full else 1

    found = ToRgb("auto", "ffv1")(frame)

    y, cb, cr = (rows[:, :64].astype(np.float64) for rows in planes)
    scale, neutral = 1 << (bits - 8), 1 << (bits - 1)
    light = y / top if full else (y - 16 * scale) / (219 * scale)
    blue, red = ((c - neutral) / (top if full else 224 * scale) for c in (cb, cr))
    r, b = light + 2 * (1 - 0.2126) * red, light + 2 * (1 - 0.0722) * blue
    wanted = np.stack([r, (light - 0.2126 * r - 0.0722 * b) / 0.7152, b], axis=-1)
    assert np.abs(found - np.clip(wanted, 0, 1) * 65535).max() <= 0.5 + 1e-6


def test_a_colour_matrix_that_is_not_known_is_refused_unless_told(tmp_path: Path) -> None:
    """YCgCo taken for BT.601 is 90 codes off."""
    path = tmp_path / "ycgco.mkv"
    _write_yuv(path, [(0.8, 0.2, 0.2), (0.2, 0.8, 0.2)], "bt601", full=True, bits=8)
    with av.open(str(path)) as source, av.open(str(tmp_path / "tagged.mkv"), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        stream.codec_context.colorspace = 8
        for frame in source.decode(video=0):
            frame.colorspace = 8
            out.mux(stream.encode(frame))
        out.mux(stream.encode())

    with pytest.raises(SourceError, match=r"tagged\.mkv: colour matrix 8 of FFmpeg's list is not known here; convert"):
        synthesize(tmp_path / "tagged.mkv", {"window": 3})
    assert len(synthesize(tmp_path / "tagged.mkv", {"window": 3, "color_matrix": "bt601", "still_change": 0})) == 1


def test_frames_that_were_read_do_not_wait_in_memory_for_the_collector(tmp_path: Path) -> None:
    """PyAV's side data and its frame hold each other: over a hundred decoded frames, 200 MB of 1280x720, once lay about at a time."""
    write_film(tmp_path / "film.mkv", moving(40, (36, 52)))
    film = VideoFilm(tmp_path / "film.mkv")

    def decoded() -> int:
        return sum(isinstance(one, av.VideoFrame) for one in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = decoded()
        assert len(list(film.scan())) == len(list(film.read(0, 40, FrameIndex()))) == 40
        assert decoded() - before <= 4
    finally:
        gc.enable()


def test_lossless_video_and_array_give_the_same_pairs(tmp_path: Path) -> None:
    """What a lossless video holds is blended like the frames themselves, odd sizes included."""
    frames = moving(7, (37, 53))
    write_film(tmp_path / "odd.mkv", frames)

    from_video, from_array = synthesize(tmp_path / "odd.mkv", {"window": 3}), synthesize(frames, {"window": 3})

    assert len(from_video) == len(from_array) == 2
    for a, b in zip(from_video, from_array, strict=True):
        assert np.array_equal(a.blurry, b.blurry)
        assert np.array_equal(a.sharp, b.sharp)


@pytest.mark.parametrize(("name", "codec"), [("long.mp4", "libx264"), ("long.ts", "mpeg2video"), ("long.mpg", "mpeg2video")])
def test_a_pair_in_the_middle_is_that_of_the_run(tmp_path: Path, name: str, codec: str) -> None:
    """Entering a video with B-frames at a key frame gives the same bytes as reading from the start; streams are entered late."""
    write_film(tmp_path / name, moving(60), codec=codec, pix_fmt="yuv420p", options={"g": "12", "bf": "2"})
    pairs = synthesize(tmp_path / name, {"window": 5})

    run = list(pairs)

    assert len(run) == 12
    for index in (0, 3, 5, 8, 11):
        assert np.array_equal(pairs[index].blurry, run[index].blurry)
        assert np.array_equal(pairs[index].sharp, run[index].sharp)


def test_a_film_within_the_rim_of_the_sensor_is_one_sentence() -> None:
    """Frames of which the rim leaves nothing are told before anything is made."""
    fields = {"window": 3, "variant": "blur_gamma", "sensor": {"rim_px": 23}}

    with pytest.raises(SourceError, match=r"64x48, too small for a rim of 23 px"):
        synthesize(moving(6), fields)


def test_sixteen_bit_folders_and_natural_order(tmp_path: Path) -> None:
    """16-bit PNG frames stay 16-bit, and frame 10 comes after frame 9."""
    from blurdata.files import write_png

    frames = [frame.astype(np.uint16) * 257 for frame in moving(12)]
    for i, frame in enumerate(frames):
        write_png(tmp_path / "take" / f"f{i}.png", frame)

    pairs = synthesize(tmp_path / "take", {"window": 11, "variant": "blur"})

    assert pairs[0].blurry.dtype == np.uint16
    assert np.array_equal(pairs[0].sharp, frames[5])


def test_a_gopro_tree_is_a_source_of_all_its_sequences(tmp_path: Path) -> None:
    """`GOPRO_Large_all` has train and test with one folder a sequence."""
    from blurdata.files import write_png

    for split, name in (("train", "GOPR0001_11_00"), ("test", "GOPR0002_11_00")):
        for i, frame in enumerate(moving(6)):
            write_png(tmp_path / split / name / f"{i + 1:06d}.png", frame)

    pairs = synthesize(tmp_path, {"window": 3})

    assert [pair.meta["split"] for pair in pairs] == ["train", "train", "test", "test"]
    assert pairs.keys[0] == "train/GOPR0001_11_00_03_00/000001"


def _broken(tmp_path: Path) -> dict[str, Path]:
    text, empty, cut = tmp_path / "text.mp4", tmp_path / "empty.mp4", tmp_path / "cut.mp4"
    text.write_text("this is no film\n" * 100)
    empty.write_bytes(b"")
    whole = tmp_path / "whole.mp4"
    write_film(whole, moving(60, (128, 160)), codec="libx264", pix_fmt="yuv420p", container_options={"movflags": "faststart"})
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    (tmp_path / "nothing").mkdir()
    return {"text": text, "empty": empty, "cut": cut, "missing": tmp_path / "missing.mp4", "nothing": tmp_path / "nothing"}


@pytest.mark.parametrize("kind", ["text", "empty", "cut", "missing", "nothing"])
def test_bad_files_are_one_sentence(tmp_path: Path, kind: str) -> None:
    """What is no film, or only a part of one, is named, with what to do."""
    path = _broken(tmp_path)[kind]

    with pytest.raises(SourceError) as caught:
        synthesize(path, {"window": 3})

    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damage_that_hides_the_rest_of_a_film_is_told(tmp_path: Path) -> None:
    """FFmpeg takes overwritten Matroska clusters for the end without a word; the promised length tells that frames are gone."""
    scene = np.random.default_rng(3).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    path = tmp_path / "hole.mkv"
    write_film(path, [np.roll(scene, 2 * i, axis=1) for i in range(60)], codec="mpeg4", pix_fmt="yuv420p")
    assert synthesize(path, {"window": 5, "variant": "blur"}).summary()["frames"] == 60
    data = bytearray(path.read_bytes())
    half = len(data) // 2
    data[half:] = bytes(byte ^ 0x5A for byte in data[half:])
    path.write_bytes(data)

    with pytest.raises(SourceError, match=r"hole\.mkv.*damaged"):
        synthesize(path, {"window": 5, "variant": "blur"})


@pytest.mark.parametrize("name", ["hole.mp4", "hole.mkv"])
def test_a_damaged_frame_is_told(tmp_path: Path, name: str) -> None:
    """Bytes overwritten in the middle of a film lose no frame, for FFmpeg makes up what it lacks; the first such frame is named."""
    rng, path = np.random.default_rng(0), tmp_path / name
    film = [np.clip(frame + rng.integers(-8, 9, frame.shape), 0, 255).astype(np.uint8) for frame in moving(60, (96, 128))]
    write_film(path, film, codec="mpeg4", pix_fmt="yuv420p")
    assert synthesize(path, {"window": 5}).summary()["frames"] == 60
    data = bytearray(path.read_bytes())
    half = len(data) // 2
    data[half : half + 24] = rng.integers(0, 256, 24, dtype=np.uint8).tobytes()
    path.write_bytes(data)

    with pytest.raises(SourceError, match=rf"{name}: frame \d+, at \d\.\d{{3}} s, is damaged; fetch or export it again"):
        synthesize(path, {"window": 5})


def test_an_avi_that_counts_repeats_is_whole(tmp_path: Path) -> None:
    """AVI keeps uneven times by parts without data that its header counts as frames; one that lost its end is still told from it."""
    path, pts = tmp_path / "uneven.avi", [round(2.5 * i) for i in range(40)]
    write_film(path, moving(40), codec="mjpeg", pix_fmt="yuvj420p", pts=pts, tick=Fraction(1, 600))
    data = path.read_bytes()
    half = data.index(b"idx1") // 2
    (tmp_path / "holed.avi").write_bytes(data[:half] + bytes(len(data) - half))

    assert synthesize(path, {"window": 3}).summary()["frames"] == 40

    with pytest.raises(SourceError, match=r"holed\.avi: is "):
        synthesize(tmp_path / "holed.avi", {"window": 3})


def test_opened_by_text_in_any_process(tmp_path: Path) -> None:
    """`video:PATH?recipe=…&shots=…` opens the same pairs, and pickles."""
    import pickle

    write_film(tmp_path / "two.mkv", moving(12) + [255 - frame for frame in moving(12)])
    text = f"video:{tmp_path / 'two.mkv'}?recipe=gopro&variant=blur&window=3&cache={tmp_path / 'cache'}"

    pairs = open_source(text)
    second = pairs.select([1])
    again = open_source(second.text)

    assert again.keys == second.keys == pickle.loads(pickle.dumps(second)).keys
    assert 0 < len(second) < len(pairs)
    assert np.array_equal(again[0].blurry, second[0].blurry)
    assert again.fingerprint() == pairs.fingerprint()
    assert list((tmp_path / "cache").glob("*.npz"))


@pytest.mark.parametrize(
    ("matrix", "turns", "mirrored"),
    [
        ((0, 1, -1, 0), -1, False),
        ((0, -1, 1, 0), 1, False),
        ((-1, 0, 0, -1), 2, False),
        ((-1, 0, 0, 1), 0, True),
        ((1, 0, 0, -1), 2, True),
        ((0, 1, 1, 0), -1, True),
    ],
)
def test_display_rotation_of_phones_is_honoured(tmp_path: Path, matrix: tuple[int, int, int, int], turns: int, mirrored: bool) -> None:
    """The display matrix turns the frames upright, (0, 1, -1, 0) a quarter clockwise, and mirrors a front camera's; meta says both."""
    path = tmp_path / "phone.mp4"
    frames = moving(6, (48, 80))
    write_film(path, frames, codec="libx264", pix_fmt="yuv444p", options={"qp": "1"})
    data = path.read_bytes()
    plain = b"".join(value.to_bytes(4, "big") for value in (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30))
    at = data.index(plain, data.index(b"tkhd"))
    a, b, c, d = ((value << 16) & 0xFFFFFFFF for value in matrix)
    turned = b"".join(value.to_bytes(4, "big") for value in (a, b, 0, c, d, 0, 0, 0, 1 << 30))
    path.write_bytes(data[:at] + turned + data[at + len(plain) :])

    pair = synthesize(path, {"window": 5})[0]

    expected = np.rot90(frames[2], turns)[:, :: -1 if mirrored else 1]
    assert pair.sharp.shape == expected.shape
    assert np.abs(pair.sharp.astype(int) - expected).mean() < 6
    assert pair.meta["rotation_deg"] % 360 == 90 * turns % 360
    assert pair.meta["mirrored"] is mirrored


@pytest.mark.parametrize(("matrix", "full"), [("bt709", False), ("bt601", True), ("bt2020", False)])
def test_meta_says_how_colours_were_read(tmp_path: Path, matrix: str, full: bool) -> None:
    """Each pair records codec, pixel format, colour matrix, range, rotation and depth; arrays are RGB already."""
    colours = [(0.2, 0.5, 0.8), (0.9, 0.1, 0.4)]
    _write_yuv(tmp_path / "a.mkv", colours, matrix, full=full, bits=8)
    fields = {"window": 3, "still_frames": 100, "still_change": 0}

    meta = synthesize(tmp_path / "a.mkv", fields)[0].meta
    overruled = synthesize(tmp_path / "a.mkv", fields, color_matrix="bt709")[0].meta
    plain = synthesize([np.full((32, 32, 3), i * 9, np.uint8) for i in range(3)], fields)[0].meta

    assert (meta["codec"], meta["pixel_format"], meta["bits"]) == ("ffv1", "yuv420p", 8)
    assert (meta["color_matrix"], meta["color_range"], meta["rotation_deg"]) == (matrix, "full" if full else "limited", 0)
    assert overruled["color_matrix"] == "bt709"
    assert (plain["color_matrix"], plain["color_range"], plain["bits"]) == ("rgb", "full", 8)
    assert (meta["mirrored"], plain["mirrored"]) == (False, False)


@pytest.mark.parametrize(("transfer", "name"), [("arib-std-b67", "HLG"), ("smpte2084", "PQ")])
def test_hdr_is_not_averaged_under_a_curve_that_is_not_its_own(tmp_path: Path, transfer: str, name: str) -> None:
    """A phone's HDR film is refused, unless a table says what its codes mean."""
    path = tmp_path / "phone.mp4"
    write_film(path, moving(12), codec="libx264", pix_fmt="yuv420p", options={"x264-params": f"transfer={transfer}"})
    table = tmp_path / "own.csv"
    np.savetxt(table, np.linspace(0, 1, 64) ** 3)

    with pytest.raises(SourceError, match=rf"phone.*is HDR \({name}\)"):
        synthesize(path, {"window": 7})
    pairs = synthesize(path, {"window": 7, "curve": str(table)})
    assert pairs[0].meta["transfer"] == name.lower()


def test_a_film_of_no_frame_is_a_sentence(tmp_path: Path) -> None:
    """A file with a video stream in which there is nothing."""
    path = tmp_path / "empty.avi"
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=240)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        film.start_encoding()

    with pytest.raises(SourceError, match=r"empty\.avi: not one frame can be decoded"):
        synthesize(path, {"window": 7})
