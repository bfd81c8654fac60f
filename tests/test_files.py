"""Files at the edge: pictures come back exactly, writes are whole or not there."""

import os
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from blurdata import files
from blurdata.errors import OutputError, SourceError, output_error

PICTURE = np.random.default_rng(0).integers(0, 256, (13, 17, 3)).astype(np.uint8)


def test_natural_order():
    """Numbers count as numbers, and the order is total."""
    names = ["a10", "a2", "a02", "b1", "a1", "10", "9"]
    assert sorted(names, key=files.natural_key) == ["9", "10", "a1", "a02", "a2", "a10", "b1"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_round_trip(tmp_path, dtype):
    """8- and 16-bit RGB come back to the bit, and the header alone tells the size."""
    picture = PICTURE.astype(dtype) * (1 if dtype is np.uint8 else 257)
    files.write_png(tmp_path / "sub" / "a.png", picture)
    again = files.read_image(tmp_path / "sub" / "a.png")
    assert again.dtype == dtype
    assert (again == picture).all()
    assert files.image_size(tmp_path / "sub" / "a.png") == (13, 17)
    assert [p.name for p in (tmp_path / "sub").iterdir()] == ["a.png"]


def test_an_independent_reader_sees_rgb(tmp_path):
    """Pillow reads the same colours from what we wrote."""
    files.write_png(tmp_path / "a.png", PICTURE)
    assert (np.asarray(PillowImage.open(tmp_path / "a.png")) == PICTURE).all()


def test_grey_and_alpha_become_rgb(tmp_path):
    """Grey is repeated and alpha is dropped."""
    PillowImage.fromarray(PICTURE[..., 0]).save(tmp_path / "g.png")
    PillowImage.fromarray(np.dstack([PICTURE, PICTURE[..., :1]])).save(tmp_path / "a.png")
    assert (files.read_image(tmp_path / "g.png") == PICTURE[..., :1]).all()
    assert (files.read_image(tmp_path / "a.png") == PICTURE).all()


def test_exif_orientation_is_honoured(tmp_path):
    """A photograph stored on its side comes back upright."""
    exif = PillowImage.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to show
    PillowImage.fromarray(PICTURE).save(tmp_path / "p.jpg", exif=exif, quality=95)
    upright = files.read_image(tmp_path / "p.jpg")
    assert upright.shape == (17, 13, 3)
    assert files.image_size(tmp_path / "p.jpg") == (17, 13)


def test_orientation_behind_the_pixels_of_a_png_is_found_without_decoding(tmp_path):
    """A PNG's EXIF may follow its pixels; the size is right and no time is spent on the pixels."""
    exif = PillowImage.Exif()
    exif[0x0112] = 8
    text = b"eXIf" + exif.tobytes()[6:]
    chunk = (len(text) - 4).to_bytes(4, "big") + text + zlib.crc32(text).to_bytes(4, "big")
    data = files.encode_png(PICTURE)
    (tmp_path / "p.png").write_bytes(data[:-12] + chunk + data[-12:])
    height, width = PICTURE.shape[:2]
    assert files.image_size(tmp_path / "p.png") == (width, height) == files.read_image(tmp_path / "p.png").shape[:2]
    (tmp_path / "broken.png").write_bytes(data[:60] + b"?" * (len(data) - 72) + data[-12:])
    assert files.image_size(tmp_path / "broken.png") == (height, width)


def test_damage_inside_a_png_is_told_and_libpng_kept_quiet(tmp_path, capfd):
    """Any changed byte of the pixels is found before libpng sees it and writes to stderr."""
    data = files.encode_png(PICTURE)
    for place in range(41, len(data) - 16, max(1, len(data) // 40)):
        (tmp_path / "p.png").write_bytes(data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :])
        with pytest.raises(SourceError, match="damaged"):
            files.read_image(tmp_path / "p.png")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", ["pillow", "opencv", "tiles"])
def test_damage_inside_a_tiff_that_zlib_packed_is_told(tmp_path, kind):
    """Any changed byte of the pixels is found by zlib's checksum; OpenCV decodes some to noise without a word."""
    path = tmp_path / "p.tif"
    picture = cv2.resize(PICTURE, (96, 64))
    if kind == "pillow":
        PillowImage.fromarray(picture).save(path, compression="tiff_adobe_deflate")
    elif kind == "opencv":
        picture = picture.astype(np.uint16) * 257
        cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, cv2.IMWRITE_TIFF_COMPRESSION_DEFLATE])
    else:
        tifffile.imwrite(path, picture, compression="zlib", tile=(16, 16), byteorder=">", photometric="rgb")
    assert (files.read_image(path) == picture).all()
    data = path.read_bytes()
    with PillowImage.open(path) as opened:
        starts, sizes = (opened.tag_v2[name] for name in ((324, 325) if kind == "tiles" else (273, 279)))
    for start, size in zip(starts, sizes, strict=True):
        for place in range(start + 8, start + size - 5, max(1, size // 8)):  # of what zlib puts before and behind, some bits mean nothing
            path.write_bytes(data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :])
            with pytest.raises(SourceError, match="damaged"):
                files.read_image(path)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_cut_files_are_refused(tmp_path, suffix):
    """A picture that ends early is an error that names it, at any length."""
    whole = tmp_path / f"whole{suffix}"
    cv2.imwrite(str(whole), cv2.resize(PICTURE, (170, 130)))
    data = whole.read_bytes()
    for keep in (0, 1, 8, 30, len(data) // 2, len(data) - 20):
        (tmp_path / f"cut{suffix}").write_bytes(data[:keep])
        with pytest.raises(SourceError, match="cut"):
            files.read_image(tmp_path / f"cut{suffix}")


def test_text_missing_and_folders_are_refused(tmp_path):
    """What is no picture is named in a sentence."""
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "folder.png").mkdir()
    for name in ("text.png", "missing.png", "folder.png"):
        with pytest.raises(SourceError, match=name):
            files.read_image(tmp_path / name)


def test_enormous_pictures_are_refused_by_their_header(tmp_path, monkeypatch):
    """The limit is checked before a pixel is decoded, and the error names it."""
    files.write_png(tmp_path / "a.png", PICTURE)
    monkeypatch.setattr(files, "MAX_PIXELS", 100)
    with pytest.raises(SourceError, match="limit of 100 pixels"):
        files.read_image(tmp_path / "a.png")


def test_float_pictures_are_refused(tmp_path):
    """A floating-point TIFF is answered with what to do."""
    cv2.imwrite(str(tmp_path / "f.tiff"), PICTURE.astype(np.float32))
    with pytest.raises(SourceError, match=r"f\.tiff"):
        files.read_image(tmp_path / "f.tiff")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    """An error inside the block keeps what was there."""
    path = tmp_path / "a.txt"
    files.write_atomic(path, "old")

    def fail_half_way():
        with files.atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_places_that_cannot_be_written_are_sentences(tmp_path):
    """A file where a folder should be, and a full device, name the path and the remedy."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another --out"):
        files.make_folder(tmp_path / "file" / "sub")
    with pytest.raises(OutputError, match="choose another --out"):
        files.write_atomic(tmp_path / "file" / "a.txt", "x")
    assert "disk is full" in str(output_error(tmp_path, OSError(28, "No space left on device")))


def test_fingerprint_depends_on_content_and_relative_names(tmp_path):
    """The same files elsewhere have the same fingerprint; one other byte has another."""
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "a").write_bytes(b"1")
        (tmp_path / place / "b").write_bytes(b"2")
    prints = [files.fingerprint_files(sorted((tmp_path / p).iterdir()), root=tmp_path / p) for p in ("one", "two")]
    (tmp_path / "two" / "b").write_bytes(b"3")
    changed = files.fingerprint_files(sorted((tmp_path / "two").iterdir()), root=tmp_path / "two")
    assert prints[0] == prints[1] != changed


def test_hidden_and_other_files_are_no_pictures(tmp_path):
    """Only visible picture files are listed, in natural order."""
    for name in ("b10.png", "b9.PNG", ".hidden.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [p.name for p in files.list_images(tmp_path)] == ["b9.PNG", "b10.png"]
    with pytest.raises(SourceError, match="cannot be listed"):
        files.list_images(tmp_path / "nowhere")


def test_a_large_picture_within_the_limit_is_no_reason_for_a_warning(tmp_path):
    """Between Pillow's own limit and ours a header is read in silence; over ours the limit is named."""
    for side, fits in ((12_000, True), (12_400, False)):
        path = tmp_path / f"{side}.png"
        PillowImage.new("1", (side, side)).save(path)
        if fits:
            assert files.image_size(path) == (side, side)
        else:
            with pytest.raises(SourceError, match=str(files.MAX_PIXELS)):
                files.image_size(path)


def test_a_pipe_is_no_picture(tmp_path):
    """Only regular files are pictures: a pipe among them is named, and nobody waits for what may come out of it."""
    path = tmp_path / "pipe.png"
    os.mkfifo(path)
    for look in (files.image_size, files.read_image, files.count_channels, lambda path: files.fingerprint_files([path], root=tmp_path)):
        with pytest.raises(SourceError, match=r"pipe\.png: .*it is no regular file"):
            look(path)


def test_float_pictures_are_refused_as_such(tmp_path):
    """32-bit float TIFFs are told apart from files that are no picture or damaged, in colour as in grey."""
    for name, picture in (("colour", PICTURE), ("grey", PICTURE[..., 0])):
        path = tmp_path / f"{name}.tif"
        cv2.imwrite(str(path), picture.astype(np.float32))
        with pytest.raises(SourceError, match=r"float samples; only 8- and 16-bit pictures are read"):
            files.read_image(path)
    (tmp_path / "none.tif").write_bytes(b"text")
    with pytest.raises(SourceError, match="not a picture"):
        files.read_image(tmp_path / "none.tif")
