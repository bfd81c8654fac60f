"""The command line answers bad input with one sentence, exit code 1 or 2, and leaves nothing half-written."""

import subprocess
import sys

import av
import numpy as np
import pytest


def blurdata(*words):
    return subprocess.run([sys.executable, "-m", "blurdata", *map(str, words)], capture_output=True, text=True, check=False)


def video(path, frames, **options):
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 256, (12, 40, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("mpeg4", rate=240)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for i in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(scene[:, 2 * i : 2 * i + 160]), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def refused(run, *words, code=1):
    """One sentence on stderr that has the words; no traceback."""
    assert run.returncode == code, run.stderr
    assert "Traceback" not in run.stderr
    last = run.stderr.strip().splitlines()[-1] if code == 1 else run.stderr
    for word in words:
        assert word in last


@pytest.fixture
def ride(tmp_path):
    return video(tmp_path / "ride.mp4", 40)


class TestSynthesize:
    def test_missing_file(self, tmp_path):
        """A path that is not there is named."""
        refused(blurdata("synthesize", tmp_path / "no.mp4", "--out", tmp_path / "out"), "no.mp4")
        refused(blurdata("synthesize", "/dev/null", "--out", tmp_path / "out"), "/dev/null")
        assert list(tmp_path.iterdir()) == []

    def test_text_named_mp4(self, tmp_path):
        """A text file is no video."""
        (tmp_path / "text.mp4").write_text("hello " * 100)
        refused(blurdata("synthesize", tmp_path / "text.mp4", "--out", tmp_path / "out"), "text.mp4")
        assert not list((tmp_path / "out").rglob("*.png"))

    @pytest.mark.parametrize("index", ["last", "first"])
    def test_truncated_video(self, tmp_path, index):
        """A video that ends early is named, whether its index went missing or only its frames."""
        options = {"movflags": "faststart"} if index == "first" else {}
        whole = video(tmp_path / "ride.mp4", 40, **options).read_bytes()
        for keep in (10, len(whole) // 2, len(whole) * 9 // 10):
            (tmp_path / "cut.mp4").write_bytes(whole[:keep])
            refused(blurdata("synthesize", tmp_path / "cut.mp4", "--out", tmp_path / "out"), "cut.mp4")
        assert not list((tmp_path / "out").rglob("*.png"))

    def test_shorter_than_an_exposure(self, tmp_path):
        """A clip of five frames cannot make an exposure of eleven."""
        clip = video(tmp_path / "short.mp4", 5)
        refused(blurdata("synthesize", clip, "--recipe", "gopro", "--out", tmp_path / "out"), "short.mp4", "5 frames")
        assert list(tmp_path.iterdir()) == [clip]

    def test_a_wrong_value_over_the_recipe(self, ride, tmp_path):
        """A value from the command line that no recipe takes is wrong usage; one that this recipe cannot take is named with its file."""
        for words in (
            ("--window", 4),
            ("--step", 0),
            ("--capture-fps", "nan"),
            ("--variant", "foo"),
            ("--seed", -1),
            ("--workers", 2),
        ):
            refused(blurdata("synthesize", ride, *words, "--out", tmp_path / "out"), words[0], code=2)
        (tmp_path / "mine.yaml").write_text("window: 5\nduty: 0.5\n")
        words = ("--recipe", tmp_path / "mine.yaml", "--step", 5)
        refused(blurdata("synthesize", ride, *words, "--out", tmp_path / "out"), "mine.yaml, with step given over it", "duty")
        assert not (tmp_path / "out").exists()

    def test_output_among_the_frames(self, ride, tmp_path):
        """Pairs are not written into a folder of frames that they are made of, under whatever name it is given."""
        frames = tmp_path / "films" / "a"
        frames.mkdir(parents=True)
        (tmp_path / "link").symlink_to(frames)
        for number in range(3):
            (frames / f"{number}.png").write_bytes(b"")
        for given, out in ((frames, frames), (frames, tmp_path / "link"), (frames.parent, frames)):
            refused(blurdata("synthesize", given, "--out", out), "the frames themselves", "--out")
        assert len(list(frames.iterdir())) == 3

    def test_unknown_recipe_field(self, ride, tmp_path):
        """The file, the field and the allowed fields are named."""
        (tmp_path / "mine.yaml").write_text("windw: 7\n")
        refused(
            blurdata("synthesize", ride, "--recipe", tmp_path / "mine.yaml", "--out", tmp_path / "out"), "mine.yaml", "windw", "'window'"
        )

    def test_output_below_a_file(self, ride, tmp_path):
        """A file where the folder should be is named with the remedy."""
        (tmp_path / "file").write_text("")
        refused(blurdata("synthesize", ride, "--out", tmp_path / "file" / "out"), "file/out", "--out")

    @pytest.mark.parametrize("kind", ["folder", "shards"])
    def test_a_broken_interpolator_leaves_nothing(self, ride, tmp_path, kind):
        """A file that is no network is told before the folder is claimed, so that the corrected command can run."""
        pytest.importorskip("torch")
        (tmp_path / "net.pt").write_text("no network")
        words = ("--recipe", "dvd", "--interpolator", tmp_path / "net.pt", "--format", kind, "--out", tmp_path / "out")
        refused(blurdata("synthesize", ride, *words), "net.pt", "TorchScript")
        assert not (tmp_path / "out").exists()

    def test_wrong_usage(self, ride, tmp_path):
        """An unknown option and a wrong choice are usage: exit code 2."""
        refused(blurdata("synthesize", ride, "--recipy", "gopro", "--out", tmp_path / "out"), "--recipy", code=2)
        refused(blurdata("synthesize", ride, "--format", "zip", "--out", tmp_path / "out"), "format", code=2)


class TestOthers:
    def test_sources_that_are_none(self, tmp_path):
        """pack, info, report and audit refuse what names no source."""
        for command in (
            ["pack", "nothing", "--out", tmp_path / "o"],
            ["info", "nothing"],
            ["report", "nothing", "--out", tmp_path / "r.html"],
            ["audit", "nothing"],
        ):
            refused(blurdata(*command), "nothing")
        assert not list(tmp_path.glob("*.html"))

    def test_a_folder_without_shards(self, tmp_path):
        """Verify names the folder and what makes shards."""
        refused(blurdata("verify", tmp_path), str(tmp_path))

    def test_a_file_size_limit_leaves_nothing_half_written(self, ride, tmp_path):
        """Where the system refuses a file its size, pack says so and removes what it began."""
        command = f"ulimit -f 100; exec {sys.executable} -m blurdata pack 'video:{ride}?variant=blur' --out {tmp_path / 'out'} --workers 1"
        run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        refused(run, "out")
        assert not list((tmp_path / "out").rglob("*.tmp"))
        assert not list((tmp_path / "out").rglob("*.h5"))

    def test_demo_below_a_file(self, tmp_path):
        """The demo checks its folder before it works."""
        (tmp_path / "file").write_text("")
        refused(blurdata("demo", "--out", tmp_path / "file" / "out"), "file/out")


def test_version_is_printed():
    """`--version` needs no command."""
    run = blurdata("--version")
    assert run.returncode == 0
    assert run.stdout.strip()
