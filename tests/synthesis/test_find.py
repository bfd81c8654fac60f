"""Which films lie at a path, what they are called, and what is left out."""

from pathlib import Path

from filming import moving, write_film

from blurdata.synthesis.make import open_films, resolve

PLAN = resolve("gopro", window=3, variant="blur")


def test_keys_are_unique_whatever_films_are_called(tmp_path: Path) -> None:
    """A number that tells films of one name apart is none that another film bears in its own name."""
    names = ["a/clip.mkv", "b/clip.mkv", "clip~2.mkv", "c/clip.mkv"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_film(tmp_path / name, moving(6))

    keys = open_films([tmp_path / name for name in names], PLAN).keys

    assert keys[::2] == [f"{name}_03_00/000001" for name in ("clip", "clip~3", "clip~2", "clip~4")]
    assert len(set(keys)) == len(keys) == 8
