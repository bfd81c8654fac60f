"""Plain paired folders: pairing by name, any nesting, what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from blurdata.errors import PairMismatch, SourceError
from blurdata.files import write_png
from blurdata.recipe import recipe_id
from blurdata.sources import open_source
from blurdata.synthesis import synthesize
from blurdata.synthesis.folder import write_folder


def picture(seed: int, shape: tuple[int, int] = (8, 10), dtype: type = np.uint8) -> np.ndarray:
    """Noise that tells pictures apart."""
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, (*shape, 3), dtype)


def plant(root: Path, blurry: list[str], sharp: list[str], halves: tuple[str, str] = ("blurry", "sharp")) -> None:
    """Write pictures; the seed is the place in the list, +100 for sharp ones."""
    for seed, name in enumerate(blurry):
        write_png(root / halves[0] / name, picture(seed))
    for seed, name in enumerate(sharp):
        write_png(root / halves[1] / name, picture(100 + seed))


def test_pairs_are_matched_by_name_and_not_by_order(tmp_path: Path) -> None:
    """A folder whose listing order differs from its partner's still gives the right pairs."""
    plant(tmp_path, ["a/2.png", "a/10.png"], ["a/10.png", "a/2.png"])

    source = open_source(f"pairs:{tmp_path}")

    assert list(source.keys) == ["a/2", "a/10"]
    assert np.array_equal(source[0].blurry, picture(0))
    assert np.array_equal(source[0].sharp, picture(101))


def test_a_name_that_is_no_clean_key_is_told(tmp_path: Path) -> None:
    """A backslash in a name would be a folder elsewhere: the source says so when it is opened."""
    for half in ("blurry", "sharp"):
        write_png(tmp_path / half / "a\\b.png", np.zeros((4, 6, 3), np.uint8))

    with pytest.raises(SourceError, match="relative name"):
        open_source(f"pairs:{tmp_path}")


def test_unmatched_names_are_listed(tmp_path: Path) -> None:
    """Pictures without a partner are an error that lists those of both sides, and can be left out on purpose."""
    plant(tmp_path, ["1.png", "2.png", "3.png"], ["2.png", "4.png"])

    with pytest.raises(PairMismatch, match=r"2 blurry pictures without a sharp half \(1, 3\); 1 sharp picture without a blurry half \(4\)"):
        open_source(f"pairs:{tmp_path}")
    source = open_source(f"pairs:{tmp_path}?unmatched=leave-out")

    assert list(source.keys) == ["2"]
    assert source.summary()["faults"] == ["1: has no sharp half", "3: has no sharp half", "4: has no blurry half"]


def test_every_nesting_is_found(tmp_path: Path) -> None:
    """Splits and scenes above or below the two folders are found and told in meta."""
    plant(tmp_path / "train", ["s1/1.png", "s1/2.png"], ["s1/1.png", "s1/2.png"], ("input", "target"))
    plant(tmp_path / "test" / "s2", ["7.png"], ["7.png"], ("Blur", "GT"))

    source = open_source(f"pairs:{tmp_path}")

    assert list(source.keys) == ["test/s2/7", "train/s1/1", "train/s1/2"]
    metas = [pair.meta for pair in source]
    assert [(m["split"], m["scene"], m["position"]) for m in metas] == [("test", "s2", 0), ("train", "s1", 0), ("train", "s1", 1)]
    assert list(open_source(f"pairs:{tmp_path}?split=test").keys) == ["test/s2/7"]


def test_names_that_say_their_half_are_paired(tmp_path: Path) -> None:
    """Names like 12_kernel_3_blurred and 12_kernel_3_gt belong together."""
    plant(tmp_path, ["12_kernel_3_blurred.png", "9_blurred.png"], ["9_gt.png", "12_kernel_3_gt.png"], ("blur", "gt"))

    source = open_source(f"pairs:{tmp_path}")

    assert list(source.keys) == ["9", "12_kernel_3"]
    assert np.array_equal(source[1].sharp, picture(101))


def test_two_blurry_folders_must_be_named(tmp_path: Path) -> None:
    """Where blur and blur_gamma lie side by side none of them is chosen silently."""
    plant(tmp_path, ["1.png"], ["1.png"], ("blur", "sharp"))
    plant(tmp_path, ["1.png"], [], ("blur_gamma", "sharp"))

    with pytest.raises(SourceError, match=r"blur, blur_gamma could each be the blurry half; name one with \?blurry="):
        open_source(f"pairs:{tmp_path}")
    assert len(open_source(f"pairs:{tmp_path}?blurry=blur_gamma")) == 1


def test_folders_of_any_name(tmp_path: Path) -> None:
    """Folder names that are no known words are given as options."""
    plant(tmp_path, ["1.png"], ["1.png"], ("shaken", "still"))

    with pytest.raises(SourceError, match=r"blurry=…&sharp=…"):
        open_source(f"pairs:{tmp_path}")
    assert len(open_source(f"pairs:{tmp_path}?blurry=shaken&sharp=still")) == 1


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    """a.png beside a.jpg could each be the pair's half; it is an error."""
    plant(tmp_path, ["a.png"], ["a.png"])
    (tmp_path / "sharp" / "a.jpg").write_bytes((tmp_path / "sharp" / "a.png").read_bytes())

    with pytest.raises(PairMismatch, match=r"have one name"):
        open_source(f"pairs:{tmp_path}")


def test_halves_that_differ_name_the_pair(tmp_path: Path) -> None:
    """Another size or depth is an error that names the key."""
    write_png(tmp_path / "blurry" / "x.png", picture(0))
    write_png(tmp_path / "sharp" / "x.png", picture(0, (9, 10)))
    write_png(tmp_path / "blurry" / "y.png", picture(0, dtype=np.uint16))
    write_png(tmp_path / "sharp" / "y.png", picture(0))
    source = open_source(f"pairs:{tmp_path}")

    for key, index in (("x", 0), ("y", 1)):
        with pytest.raises(PairMismatch, match=f"Pair '{key}'"):
            source[index]


def test_sizes_come_from_headers(tmp_path: Path) -> None:
    """The size equals what reading gives, for 8 and 16 bits, and does not decode the pictures."""
    for half in ("blurry", "sharp"):
        write_png(tmp_path / half / "8.png", picture(0))
        write_png(tmp_path / half / "16.png", picture(0, dtype=np.uint16))
    source = open_source(f"pairs:{tmp_path}")

    read = [pair.blurry.nbytes + pair.sharp.nbytes for pair in source]

    assert [source.nbytes(i) for i in range(2)] == read == [480, 960]


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    """Moving the folder keeps the fingerprint; changing one pixel changes it."""
    for name in ("one", "two"):
        plant(tmp_path / name, ["1.png"], ["1.png"])
    one, two = (open_source(f"pairs:{tmp_path / name}").fingerprint() for name in ("one", "two"))
    changed = picture(100)
    changed[0, 0, 0] ^= 1
    write_png(tmp_path / "two" / "sharp" / "1.png", changed)

    assert one == two
    assert open_source(f"pairs:{tmp_path / 'two'}").fingerprint() != one


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    """A link that leads back up is not followed, and hidden folders are skipped."""
    plant(tmp_path, ["1.png"], ["1.png"])
    (tmp_path / "sharp" / "again").symlink_to(tmp_path)
    plant(tmp_path / ".cache", ["1.png"], ["1.png"])

    assert list(open_source(f"pairs:{tmp_path}").keys) == ["1"]


def test_a_place_without_pairs_is_told(tmp_path: Path) -> None:
    """An empty folder and a missing one are errors that say what is expected."""
    with pytest.raises(SourceError, match="no two sibling folders"):
        open_source(f"pairs:{tmp_path}")
    with pytest.raises(SourceError, match="no such folder"):
        open_source(f"pairs:{tmp_path / 'none'}")


def test_what_synthesize_told_of_its_pairs_is_read_back(tmp_path: Path) -> None:
    """The recipe of synthesis and each pair's meta come along; the variant is that of the folder; damaged meta is named with the remedy."""
    frames = [np.roll(picture(1, (12, 16)).repeat(4, 0).repeat(4, 1), 2 * i, axis=1) for i in range(6)]
    made = synthesize(frames, {"window": 3})
    write_folder(made, tmp_path)

    source = open_source(f"pairs:{tmp_path}?blurry=blur&sharp=sharp")
    mark = sorted(tmp_path.rglob("meta/*.json"))[1]
    mark.write_text(mark.read_text()[:20])

    assert source.recipe["synthesis"] == {"recipe_id": recipe_id(made.recipe), **json.loads(json.dumps(dict(made.recipe)))}
    told = {name: value for name, value in made[1].meta.items() if name not in ("variant", "split")}
    assert source[1].meta == {**told, "variant": "blur", "split": None}
    with pytest.raises(SourceError, match=rf"{mark.name}: cannot be read .* run blurdata synthesize again"):
        open_source(f"pairs:{tmp_path}?blurry=blur&sharp=sharp")
