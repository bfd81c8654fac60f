"""From linear sRGB to a camera's own colours and back.

Matrices act on columns: ``camera = M @ rgb``. Those of the camera are white-balanced, so that neutral grey has equal values in
all three channels on both sides.
"""

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

LINEAR_SRGB_TO_XYZ: Float = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
"""IEC 61966-2-1, D65."""

XYZ_TO_CAMERA: dict[str, Float] = {
    "sony_a7r3": np.array(
        [
            [1.695418, -0.471602, -0.128433],
            [-0.488382, 1.213031, 0.230672],
            [-0.126723, 0.213502, 0.832953],
        ]
    ),
}
"""XYZ (D65) to white-balanced camera colours, from the published code of RSBlur (Rim et al., ECCV 2022)."""

WHITE_BALANCE_RED = (1.9, 2.4)
WHITE_BALANCE_BLUE = (1.5, 1.9)
"""Ranges from which RSBlur's code draws the gains of R and B for the Sony a7R3; that of G is 1."""


def camera_matrix(camera: str | None) -> Float:
    """Linear sRGB to the colours of a camera, (3, 3); the identity for None.

    Raises:
        ValueError: If the camera is unknown.

    Example:
        >>> grey = camera_matrix("sony_a7r3") @ np.full(3, 0.5)
        >>> np.allclose(grey, 0.5, atol=1e-3)
        True
    """
    if camera is None:
        return np.eye(3)
    if camera not in XYZ_TO_CAMERA:
        msg = f"There is no camera '{camera}'; use one of {', '.join(XYZ_TO_CAMERA)} or None."
        raise ValueError(msg)
    return np.asarray(XYZ_TO_CAMERA[camera] @ LINEAR_SRGB_TO_XYZ)


def apply_matrix(matrix: NDArray[np.floating], picture: NDArray[np.floating]) -> Float:
    """``matrix @ pixel`` for every pixel.

    Args:
        matrix: (3, 3).
        picture: (..., 3) linear light.

    Returns:
        float64 of the shape of ``picture``, not clipped.

    Example:
        >>> apply_matrix(np.diag([2.0, 1.0, 0.5]), np.ones((1, 1, 3))).tolist()
        [[[2.0, 1.0, 0.5]]]
    """
    return np.asarray(np.asarray(picture, np.float64) @ np.asarray(matrix, np.float64).T)
