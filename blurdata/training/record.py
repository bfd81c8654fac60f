"""What a run leaves for people: the loss of every step and the scores as CSV and TensorBoard, a plot of both, sample pictures."""

import csv
import io
import os
import platform
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from blurdata.errors import output_error
from blurdata.files import make_folder, write_atomic, write_png
from blurdata.locks import leftovers, sweep
from blurdata.pairs import Image, eight_bits

LOSS = ("step", "loss", "learning_rate", "gradient_norm", "seconds", "waited")
SCORES = ("step", "pairs", "blurry_psnr", "blurry_ssim", "restored_psnr", "restored_ssim")
_OLD = ("checkpoint.pt", "network.pt", "result.json", "curve.png", "diverged.json")
_SAMPLE_PX = 320
_GAP_PX = 4
_TENSORBOARD_EVERY = 10


class RunRecord:
    """The files of a run in one folder: ``loss.csv``, ``scores.csv``, ``curve.png``, ``samples/``, ``tensorboard/``.

    Args:
        out: The folder.
        step: Where the run starts or goes on: rows of later steps, which a killed run left, are taken out.
        scores: Whether the scores that are there are of the same test pairs; if not they are taken out.

    Raises:
        OutputError: If the folder cannot be written.
    """

    def __init__(self, out: Path, *, step: int, scores: bool = True) -> None:
        self._out = make_folder(out)
        self._loss, self._scores = _Table(out / "loss.csv", LOSS, step), _Table(out / "scores.csv", SCORES, step + 1 if scores else 0)
        self._board = _Board(out / "tensorboard", step)

    def step(self, step: int, loss: float, *, rate: float, norm: float, seconds: float, waited: float) -> None:
        """Note a step: its loss, learning rate, gradient norm, how long it took and how long of that it waited for data."""
        self._loss.add((step, loss, rate, norm, round(seconds, 5), round(waited, 5)))
        if step % _TENSORBOARD_EVERY == 0:
            values = {"loss": loss, "learning_rate": rate, "gradient_norm": norm, "waited": waited / max(seconds, 1e-9)}
            self._board.scalars("train", values, step + 1)

    def scores(self, step: int, pairs: int, mean: Mapping[str, float]) -> None:
        """Note an evaluation after ``step`` steps."""
        if not self.scored(step):
            self._scores.add((step, pairs, *(mean[name] for name in SCORES[2:])))
            self._board.scalars("test", mean, step)

    def scored(self, step: int) -> bool:
        """Whether the evaluation after ``step`` steps is noted."""
        return any(row[0] == step for row in self._scores.rows())

    def samples(self, step: int, rows: Sequence[tuple[Image, Image, Image]]) -> None:
        """Write blurry | restored | sharp of a few pairs, their middles, one pair a row."""
        if not rows:
            return
        sheet = contact_sheet(rows)
        write_png(self._out / "samples" / f"{step:07d}.png", sheet)
        self._board.image("test/blurry_restored_sharp", sheet, step)

    def curve(self) -> None:
        """Draw the loss and, where there are scores, the PSNR of the restored pictures against that of the blurry ones."""
        loss, scores = (
            np.array(table.rows(), np.float64).reshape(-1, width) for table, width in ((self._loss, len(LOSS)), (self._scores, len(SCORES)))
        )
        if not len(loss):
            return
        figure = Figure(figsize=(8, 6 if len(scores) else 3.2), layout="constrained")
        axes = figure.subplots(2 if len(scores) else 1, squeeze=False)[:, 0]
        axes[0].plot(loss[:, 0], loss[:, 1], color="0.8", linewidth=0.8, label="each step")
        width = max(1, len(loss) // 100)
        smooth = np.convolve(loss[:, 1], np.ones(width) / width, "valid")
        axes[0].plot(loss[width - 1 :, 0], smooth, color="tab:blue", label=f"mean of {width}")
        axes[0].set(ylabel="loss", yscale="log" if (loss[:, 1] > 0).all() else "linear")
        axes[0].legend()
        if len(scores):
            axes[1].plot(scores[:, 0], scores[:, 4], "o-", label="restored")
            axes[1].plot(scores[:, 0], scores[:, 2], "--", color="0.4", label="blurry")
            axes[1].set(ylabel="PSNR of the test pairs, dB")
            axes[1].legend()
        axes[-1].set(xlabel="step")
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=110)
        write_atomic(self._out / "curve.png", stream.getvalue())

    def waited(self) -> float:
        """Share of the training time that was spent waiting for data, without the first step, which opens everything."""
        rows = np.array(self._loss.rows()[1:], np.float64).reshape(-1, len(LOSS))
        return float(rows[:, 5].sum() / max(rows[:, 4].sum(), 1e-9))

    def close(self) -> None:
        """End TensorBoard's writer, which holds its last lines back; the other files are whole after every line."""
        self._board.close()


class _Table:
    """A CSV file that grows by one whole line at a time; lines of ``step`` and later, and half ones, are taken out first."""

    def __init__(self, path: Path, names: Sequence[str], step: int) -> None:
        self._path, self._width = path, len(names)
        kept = [row for row in self.rows() if row[0] < step] if path.exists() else []
        write_atomic(path, "\n".join([",".join(names), *(",".join(_text(value) for value in row) for row in kept)]) + "\n")

    def add(self, row: Sequence[float]) -> None:
        """Append a row."""
        try:
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(",".join(_text(value) for value in row) + "\n")
        except OSError as error:
            raise output_error(self._path, error) from error

    def rows(self) -> list[list[float]]:
        """All whole rows."""
        found = []
        with self._path.open(newline="", encoding="utf-8") as stream:
            for row in csv.reader(stream):
                with suppress(ValueError):  # the heading, or a line that was cut off
                    found.append([float(value) for value in row])
        return [row for row in found if len(row) == self._width]


def _text(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def remove_old(out: Path, *, anew: bool) -> None:
    """Remove what an earlier run left in the folder and a later one would write at its end, if ever; of one that goes on, only its fault.

    What a run that was killed had half-written goes in either case.

    Raises:
        OutputError: If something cannot be removed.
    """
    sweep(leftovers(out))
    for path in [*(out / name for name in _OLD), *(out / "samples").glob("*.png")] if anew else [out / "diverged.json"]:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise output_error(path, error) from error


def contact_sheet(rows: Sequence[tuple[Image, Image, Image]]) -> Image:
    """The middles of pictures, up to 320 px, each row side by side, as one 8-bit picture on white."""
    cells = [[_middle(picture) for picture in row] for row in rows]
    height = sum(row[0].shape[0] + _GAP_PX for row in cells) - _GAP_PX
    width = max(sum(cell.shape[1] + _GAP_PX for cell in row) - _GAP_PX for row in cells)
    sheet = np.full((height, width, 3), 255, np.uint8)
    y = 0
    for row in cells:
        x = 0
        for cell in row:
            sheet[y : y + cell.shape[0], x : x + cell.shape[1]] = cell
            x += cell.shape[1] + _GAP_PX
        y += row[0].shape[0] + _GAP_PX
    return sheet


def _middle(picture: Image) -> Image:
    (y, height), (x, width) = ((max(0, (side - _SAMPLE_PX) // 2), min(side, _SAMPLE_PX)) for side in picture.shape[:2])
    return eight_bits(picture[y : y + height, x : x + width])


class _Board:
    """TensorBoard's writer, or nothing where it is not installed; what a killed run wrote when it had made more steps is hidden."""

    def __init__(self, folder: Path, step: int) -> None:
        self._folder = folder
        self._writer: Any = None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # tensorboard's own imports are behind the times
                from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        _hush_board()
        with self._faults():
            self._writer = SummaryWriter(str(folder), purge_step=step + 1)

    def scalars(self, group: str, values: Mapping[str, float], step: int) -> None:
        with self._faults():
            for name, value in values.items() if self._writer else ():
                self._writer.add_scalar(f"{group}/{name}", value, step)

    def image(self, name: str, picture: Image, step: int) -> None:
        with self._faults():
            if self._writer:
                self._writer.add_image(name, picture, step, dataformats="HWC")

    def close(self) -> None:
        with self._faults():
            if self._writer:
                self._writer.close()

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise output_error(self._folder, error) from error


def _hush_board() -> None:
    """A full disk: TensorBoard's thread hands its error to the next call, which tells it in a sentence, and prints a traceback as well."""
    before = threading.excepthook

    def hook(failed: threading.ExceptHookArgs) -> None:
        if not (isinstance(failed.exc_value, OSError) and type(failed.thread).__module__.startswith("tensorboard.")):
            before(failed)

    threading.excepthook = hook


def environment(device: torch.device, world: int) -> dict[str, Any]:
    """On what a run ran, JSON-able."""
    cuda = device.type == "cuda"
    versions = {"python": platform.python_version()}
    for name in ("blurdata", "torch", "numpy", "opencv-python-headless", "h5py"):
        with suppress(PackageNotFoundError):  # a checkout that is not installed
            versions[name] = version(name)
    return {
        "device": torch.cuda.get_device_name(device) if cuda else platform.processor() or platform.machine(),
        "processes": world,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "cuda": torch.version.cuda if cuda else None,
        "versions": versions,
    }
