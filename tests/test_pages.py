"""Every code block of the Markdown pages does what it says."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from skimage import data

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *ROOT.glob("recipes/*.md"), *ROOT.glob("tools/*.md")]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
CHECKOUT = (
    "sh tools/",
    "git clone",
    "cd blurdata",
    "pip install",
    "python tools/",
    "torchrun ",
)  # what only makes sense in a checkout or without one


def blocks(page, *languages):
    return [code for language, code in FENCE.findall(page.read_text()) if language in languages]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An empty folder with the things a reader has: a video, a folder of photographs, some held out, captures of a two-camera rig."""
    folder = tmp_path_factory.mktemp("reader")
    photograph = cv2.resize(data.coffee(), (480, 320), interpolation=cv2.INTER_AREA)
    across = [photograph[40:280, 20 + 2 * i : 340 + 2 * i] for i in range(40)]
    down = [photograph[::-1][2 * i : 240 + 2 * i, 100:420] for i in range(40)]
    film(folder / "ride.mp4", across + down)
    film(folder / "clip.mp4", [picture[:120, :160] for picture in across[:26]])
    (folder / "photos").mkdir()
    for i, name in enumerate(("astronaut", "coffee", "chelsea")):
        cv2.imwrite(str(folder / "photos" / f"{i}_{name}.png"), cv2.resize(getattr(data, name)(), (256, 192))[..., ::-1])
    shutil.copytree(folder / "photos", folder / "held_out" / "sharp")
    capture(folder / "captures" / "shop")
    return folder


def film(path, pictures):
    """A video of 240 frames a second."""
    with av.open(str(path), "w") as video:
        stream = video.add_stream("mpeg4", rate=240)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 8_000_000
        for picture in pictures:
            video.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        video.mux(stream.encode(None))


def capture(scene):
    """A static pair and a blurred one, as the cameras of RealBlur's rig write them: 3448 x 5168, the sharp one mirrored."""
    view = cv2.resize(data.coffee(), (5168, 3448), interpolation=cv2.INTER_CUBIC)[..., ::-1]
    blurred = cv2.blur(view, (61, 1))
    for half in ("left", "right"):
        (scene / half).mkdir(parents=True)
    for name, right in (("1", view), ("2", blurred)):
        cv2.imwrite(str(scene / "left" / f"{name}.jpg"), view[:, ::-1])
        cv2.imwrite(str(scene / "right" / f"{name}.jpg"), np.roll(right, (12, 20), (0, 1)))


def test_the_pages_begin_with_commands_that_exist():
    """The two commands of the README are scripts that a shell can parse."""
    readme = (ROOT / "README.md").read_text()
    for script in ("tools/demo.sh", "tools/test.sh"):
        assert f"sh {script}" in readme
        subprocess.run(["sh", "-n", str(ROOT / script)], check=True)


def stories():
    """Texts whose blocks belong together: the README as a whole, elsewhere each section."""
    for page in PAGES:
        name = str(page.relative_to(ROOT))
        sections = [page.read_text()] if name == "README.md" else page.read_text().split("\n## ")
        for section in sections:
            if FENCE.search(section):
                yield pytest.param(section, id=name if len(sections) == 1 else f"{name}, {section.splitlines()[0]}")


@pytest.mark.parametrize("text", list(stories()))
def test_code_blocks_run_as_typed(text, place, monkeypatch):
    """Shell and Python blocks run one after the other, as a reader would type them, in one folder."""
    monkeypatch.chdir(place)
    command = shutil.which("blurdata", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    prefix = [command] if command else [sys.executable, "-m", "blurdata"]
    for language, code in FENCE.findall(text):
        if language == "python":
            run = subprocess.run(
                [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", code], capture_output=True, text=True, env=environment()
            )
            assert run.returncode == 0, f"{code}\n{run.stderr}"
        elif language == "sh":
            for line in code.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if not words or line.startswith(CHECKOUT):
                    continue
                assert words[0] == "blurdata", f"no test runs {line!r}"
                run = subprocess.run([*prefix, *words[1:]], capture_output=True, text=True, env=environment())
                assert run.returncode == 0, f"{line}\n{run.stderr}"
        else:
            assert language in ("text", "yaml", "json"), f"a block of {language} is not tested"


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def test_every_tool_has_its_line():
    """The page about the tools names every script and every benchmark, and no other."""
    page = (ROOT / "tools" / "README.md").read_text()
    listed = set(re.findall(r"^\| `([\w.]+)` \|", page, re.MULTILINE))
    there = {
        path.name for folder in ("tools", "tools/bench") for path in (ROOT / folder).iterdir() if path.suffix in (".py", ".sh", ".sbatch")
    }

    assert listed == there


def test_pictures_of_the_pages_are_there():
    """Every picture that a page shows exists, has an alternative text, and is below half a megabyte or the gallery."""
    for page in PAGES:
        for alt, name in re.findall(r"!\[(.*?)\]\((.*?)\)", page.read_text()):
            picture = page.parent / name
            assert alt
            assert picture.stat().st_size < 500_000 or picture.name == "gallery.png"
