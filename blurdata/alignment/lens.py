"""What does a lens bend: radial and tangential distortion, read from and written to OpenCV's YAML, and found from checkerboards."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from blurdata.alignment.geometry import Float, Float32
from blurdata.errors import SourceError
from blurdata.files import read_image, write_atomic
from blurdata.pairs import eight_bits


@dataclass(frozen=True)
class Lens:
    """The camera matrix and OpenCV's distortion coefficients (k1, k2, p1, p2[, k3[, k4, k5, k6]]), in pixels of the file.

    Args:
        matrix: 3x3, row by row.
        distortion: 4, 5 or 8 coefficients.
        size: Height and width of the pictures it was found from.
    """

    matrix: tuple[tuple[float, float, float], ...]
    distortion: tuple[float, ...]
    size: tuple[int, int]

    def distorted(self, positions: Float32) -> Float32:
        """Where the lens puts undistorted points: (..., 2) px to (..., 2) px.

        Radial ``(1 + k1 r^2 + k2 r^4 + k3 r^6) / (1 + k4 r^2 + k5 r^4 + k6 r^6)`` and tangential p1, p2 (Brown 1966, as in OpenCV).
        """
        (fx, skew, cx), (_, fy, cy), _ = self.matrix
        k1, k2, p1, p2, k3, k4, k5, k6 = (*self.distortion, *([0.0] * (8 - len(self.distortion))))
        y = (positions[..., 1].astype(np.float64) - cy) / fy
        x = (positions[..., 0] - cx - skew * y) / fx
        r2 = x * x + y * y
        radial = (1 + r2 * (k1 + r2 * (k2 + r2 * k3))) / (1 + r2 * (k4 + r2 * (k5 + r2 * k6)))
        bent_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
        bent_y = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
        return np.stack([fx * bent_x + skew * bent_y + cx, fy * bent_y + cy], axis=-1).astype(np.float32)


def read_lens(path: Path) -> Lens:
    """A calibration from OpenCV's YAML or XML: ``camera_matrix``, ``distortion_coefficients``, ``image_width``, ``image_height``.

    Raises:
        SourceError: If the file is missing or holds something else.
    """
    remedy = "make one with `blurdata calibrate-lens`"
    if not path.is_file():
        msg = f"{path}: there is no such calibration; {remedy}."
        raise SourceError(msg)
    try:
        store = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
        matrix, bends = store.getNode("camera_matrix").mat(), store.getNode("distortion_coefficients").mat()
        size = tuple(int(store.getNode(name).real()) for name in ("image_height", "image_width"))
        store.release()
    except (cv2.error, SystemError) as error:
        why = f" ({str(error).strip().splitlines()[-1]})" if isinstance(error, cv2.error) else ""
        msg = f"{path}: is no OpenCV calibration{why}; {remedy}."
        raise SourceError(msg) from error
    if matrix is None or matrix.shape != (3, 3) or not np.isfinite(matrix).all() or matrix[0, 0] <= 0 or matrix[1, 1] <= 0:
        msg = f"{path}: field 'camera_matrix' must be a 3x3 camera matrix; {remedy}."
        raise SourceError(msg)
    if bends is None or bends.size not in (4, 5, 8) or not np.isfinite(bends).all():
        found = "nothing" if bends is None else f"{bends.size}"
        msg = f"{path}: field 'distortion_coefficients' must hold 4, 5 or 8 finite numbers, got {found}; {remedy}."
        raise SourceError(msg)
    if min(size) <= 0:
        msg = f"{path}: fields 'image_width' and 'image_height' must be the size of the pictures it was found from; {remedy}."
        raise SourceError(msg)
    rows = tuple((float(a), float(b), float(c)) for a, b, c in matrix)
    return Lens(rows, tuple(float(value) for value in bends.ravel()), (size[0], size[1]))


def write_lens(path: Path, lens: Lens) -> None:
    """Write a calibration as OpenCV's YAML.

    Raises:
        OutputError: If the file cannot be written.
    """
    store = cv2.FileStorage("lens.yaml", cv2.FILE_STORAGE_WRITE | cv2.FILE_STORAGE_FORMAT_YAML | cv2.FILE_STORAGE_MEMORY)
    store.write("image_width", lens.size[1])
    store.write("image_height", lens.size[0])
    store.write("camera_matrix", np.array(lens.matrix))
    store.write("distortion_coefficients", np.array([lens.distortion]))
    write_atomic(path, store.releaseAndGetString())


def calibrate(pictures: Sequence[Path], *, corners: tuple[int, int]) -> tuple[Lens, float, list[str]]:
    """A lens from pictures of a flat checkerboard.

    Args:
        pictures: At least three views, tilted differently.
        corners: Inner corners of the board, across and down.

    Returns:
        The lens, the root-mean-square reprojection error in px, and a sentence for each picture that was left out.

    Raises:
        SourceError: If fewer than three pictures show the board, or their sizes differ.
    """
    board = np.zeros((corners[0] * corners[1], 3), np.float32)
    board[:, :2] = np.mgrid[: corners[0], : corners[1]].T.reshape(-1, 2)  # in squares: their size changes no coefficient
    seen: list[Float] = []
    left_out: list[str] = []
    size: tuple[int, int] | None = None
    for path in pictures:
        grey = cv2.cvtColor(eight_bits(read_image(path)), cv2.COLOR_RGB2GRAY)
        found, points = cv2.findChessboardCornersSB(grey, corners, flags=cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_ACCURACY)
        if not found:
            left_out.append(f"{path}: no board with {corners[0]}x{corners[1]} inner corners is seen")
        elif size not in (None, grey.shape):
            msg = f"{path}: is {grey.shape[1]}x{grey.shape[0]}, the pictures before {size[1]}x{size[0]}; take all with one camera setting."
            raise SourceError(msg)
        else:
            size = (grey.shape[0], grey.shape[1])
            seen.append(points)
    if len(seen) < 3 or size is None:
        msg = (
            f"Only {len(seen)} of {len(pictures)} pictures show a board with {corners[0]}x{corners[1]} inner corners; "
            "three or more are needed, and --corners counts the inner corners across and down."
        )
        raise SourceError(msg)
    error, matrix, bends, _, _ = cv2.calibrateCamera([board] * len(seen), seen, size[::-1], None, None)
    rows = tuple((float(a), float(b), float(c)) for a, b, c in matrix)
    return Lens(rows, tuple(float(value) for value in bends.ravel()[:5]), size), float(error), left_out
