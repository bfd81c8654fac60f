"""Reading videos: the colours, range and depth that come out, and what is recorded of them."""

from pathlib import Path

import av
import numpy as np
import pytest
from filming import moving, write_film

from blurdata.errors import SourceError
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


@pytest.mark.parametrize("size", [(36, 52), (37, 53)])
@pytest.mark.parametrize("name", ["yuv420p10le", "yuv422p10le", "yuv420p12le", "yuv420p10be", "yuva422p10le", "p210le", "y210le"])
@pytest.mark.parametrize("codec", ["prores", "mjpeg"])
def test_deep_frames_have_chroma_where_those_of_8_bits_have_it(size: tuple[int, int], name: str, codec: str) -> None:
    """The same definition, in 16 bits: a film of 10 bits has its coloured edges where its copy of 8 bits has them."""
    bits = 12 if "12" in name else 10
    planar = f"yuv{'420' if '420' in name else '422'}p{bits}le"
    rng, stored, planes = np.random.default_rng(0), av.VideoFrame(size[1], size[0], planar), []
    for plane in stored.planes:
        rows = rng.integers(0, 1 << bits, (plane.height, plane.line_size // 2), dtype=np.uint16)
        plane.update(rows.tobytes())
        planes.append(rows[:, : plane.width] / (1 << (bits - 8)))
    frame = stored if name == planar else stored.reformat(format=name, src_color_range=1, dst_color_range=1)
    frame.colorspace, frame.color_range = _TAGS["bt709"], 1

    found = ToRgb("auto", codec)(frame)

    wanted = 257 * _definition(planes, size, "bt709", full=False, centred=codec == "mjpeg")
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


@pytest.mark.parametrize("number", [8, 10])
def test_a_colour_matrix_that_is_not_known_is_refused_unless_told(number: int, tmp_path: Path) -> None:
    """YCgCo taken for BT.601 is 90 codes off; BT.2020 of constant luminance is no matrix at all."""
    path = tmp_path / "ycgco.mkv"
    _write_yuv(path, [(0.8, 0.2, 0.2), (0.2, 0.8, 0.2)], "bt601", full=True, bits=8)
    with av.open(str(path)) as source, av.open(str(tmp_path / "tagged.mkv"), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        stream.codec_context.colorspace = number
        for frame in source.decode(video=0):
            frame.colorspace = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode())

    with pytest.raises(SourceError, match=rf"tagged\.mkv: colour matrix {number} of FFmpeg's list is not known here; convert"):
        synthesize(tmp_path / "tagged.mkv", {"window": 3})
    assert len(synthesize(tmp_path / "tagged.mkv", {"window": 3, "color_matrix": "bt601", "still_change": 0})) == 1


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
