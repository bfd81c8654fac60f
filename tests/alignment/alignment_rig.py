"""A simulated two-camera rig with known truth: what a beam splitter and two cameras would have taken of a photograph.

A photograph that ships with scikit-image is enlarged onto a canvas of twice the pixels, given fine detail so that sharp is
sharp, and turned into linear light. The blurry camera sees the canvas through a centroid-centred shake PSF; the sharp camera
sees it through a homography and, in every pair, a shift of its own. Nothing here uses blurdata: it is the independent reference.

Truth: ``homography`` takes sharp pixel (x, y, 1) to blurry; blurry code = gain * sharp code + offset where nothing moves.
"""

from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np
import skimage.data
from skimage.transform import warp

PHOTOS = (
    "astronaut",
    "chelsea",
    "coffee",
    "rocket",
    "motorcycle",
    "motorcycle_right",
    "retina",
    "immunohistochemistry",
    "hubble_deep_field",
    "camera",
    "brick",
    "gravel",
    "grass",
)
OVER = 2  # canvas pixels per picture pixel, so that one PSF or homography is not drawn on the grid it is estimated on
MARGIN = 90  # picture pixels of scene around the blurry camera's view


@dataclass(frozen=True)
class Rig:
    """What the cameras and the scene are like; the defaults are those of the published targets."""

    size: tuple[int, int] = (773, 680)
    shift_px: float = 40.0
    angle_deg: float = 2.0
    perspective: float = 1.0  # 1: corners move by a further few pixels
    pair_shift_px: float = 12.0
    blur_px: tuple[float, float] = (3.0, 25.0)
    gain: tuple[float, float] = (0.7, 1.4)
    offset: tuple[float, float] = (-8.0, 8.0)
    noise: tuple[float, float] = (1.0, 3.0)
    lights: int = 6
    exposure: float = 1.0  # of the scene's light; 0.1 is a dark scene


@dataclass
class Scene:
    """Pictures of one scene and their truth; pair 0 is static."""

    blurries: list[np.ndarray] = field(default_factory=list)
    sharps: list[np.ndarray] = field(default_factory=list)
    homographies: list[np.ndarray] = field(default_factory=list)
    gain: np.ndarray | None = None
    offset: np.ndarray | None = None
    blur_px: list[float] = field(default_factory=list)
    photo: str = ""


def encode(light):
    """SRGB code values in [0, 1] of linear light, above 1 too."""
    x = np.maximum(light, 0)
    return np.where(x < 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)


def decode(code):
    """Linear light of sRGB code values."""
    return np.where(code < 0.04045, code / 12.92, ((np.maximum(code, 0) + 0.055) / 1.055) ** 2.4)


@lru_cache(maxsize=4)
def _photo(name):
    if name.startswith("motorcycle"):
        picture = skimage.io.imread(f"{skimage.data.__path__[0]}/{'motorcycle_right' if name.endswith('right') else 'motorcycle_left'}.png")
    else:
        picture = getattr(skimage.data, name)()
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=2)
    return picture[..., :3].astype(np.float32) / 255


def canvas(name, rig, rng):
    """Linear light of a photograph enlarged over the view and its margin, with detail added: (H, W, 3) float32."""
    height, width = (OVER * (side + 2 * MARGIN) for side in rig.size)
    picture = _photo(name)
    scale = max(height / picture.shape[0], width / picture.shape[1])
    big = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    top, left = (int(rng.integers(0, extra + 1)) for extra in (big.shape[0] - height, big.shape[1] - width))
    big = big[top : top + height, left : left + width]
    big = cv2.resize(big, (width, height)) if big.shape[:2] != (height, width) else big
    # sharpen the enlarged edges, then add octaves of texture where the photograph has contrast
    big = big + 1.5 * (big - cv2.GaussianBlur(big, (0, 0), 2 * scale / 2))
    contrast = cv2.GaussianBlur(np.abs(big - cv2.GaussianBlur(big, (0, 0), 3 * scale)).mean(2), (0, 0), 2 * scale)
    texture = np.zeros((height, width), np.float32)
    for octave in (1, 2, 4, 8):
        rough = rng.standard_normal((-(-height // octave), -(-width // octave))).astype(np.float32)
        texture += (
            0.5
            * np.sqrt(octave)
            * cv2.resize(rough, (octave * rough.shape[1], octave * rough.shape[0]), interpolation=cv2.INTER_CUBIC)[:height, :width]
            / 2
        )
    big = np.clip(big + (0.02 + 0.4 * contrast)[..., None] * texture[..., None] * 0.6, 0, 1)
    light = decode(big).astype(np.float32) * rig.exposure
    for _ in range(rig.lights):
        y, x = rng.integers(0, height), rng.integers(0, width)
        radius = rng.uniform(2, 10)
        cv2.circle(light, (int(x), int(y)), round(radius), [float(v) for v in rng.uniform(2, 12) * rng.uniform(0.6, 1, 3)], -1, cv2.LINE_AA)
    return light


def shake(extent_px, rng):
    """A random hand-shake PSF of about ``extent_px`` on the canvas's grid, sum 1, centroid at the centre to 1e-3 px."""
    steps = 4000
    velocity = np.zeros(2)
    points = np.zeros((steps, 2))
    for i in range(1, steps):
        velocity = 0.995 * velocity + rng.standard_normal(2) - 2e-5 * points[i - 1]
        points[i] = points[i - 1] + velocity
    points -= points.mean(0)
    points *= OVER * extent_px / max(np.ptp(points, axis=0).max(), 1e-9)
    radius = int(np.abs(points).max()) + 4
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1))
    at = points + radius
    low = np.floor(at).astype(int)
    part = at - low
    for dx in (0, 1):
        for dy in (0, 1):
            weight = (part[:, 0] if dx else 1 - part[:, 0]) * (part[:, 1] if dy else 1 - part[:, 1])
            np.add.at(kernel, (low[:, 1] + dy, low[:, 0] + dx), weight)
    return kernel / kernel.sum()  # bilinear splats keep the centroid exactly


def random_homography(rig, rng):
    """Sharp pixel to blurry: a shift, a rotation, a little scale and perspective."""
    height, width = rig.size
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    angle = np.deg2rad(rng.uniform(-rig.angle_deg, rig.angle_deg))
    scale = 1 + rig.perspective * rng.uniform(-0.01, 0.01)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    shear = rig.perspective * rng.uniform(-0.002, 0.002, 2)
    middle = np.array([[cos, -sin + shear[0], 0], [sin + shear[1], cos, 0], [*(rig.perspective * rng.uniform(-8e-6, 8e-6, 2)), 1]])
    direction, length = rng.uniform(0, 2 * np.pi), rng.uniform(0, rig.shift_px)
    there = shift_matrix(centre + length * np.array([np.cos(direction), np.sin(direction)]))
    H = there @ middle @ shift_matrix(-centre)
    return H / H[2, 2]


def shift_matrix(by):
    """3x3 translation by (x, y)."""
    return np.array([[1, 0, by[0]], [0, 1, by[1]], [0, 0, 1.0]])


def photograph(light, H, rig):
    """Linear light that a camera sees of the canvas: its pixel x lies at ``H x`` of the blurry camera's grid."""
    height, width = rig.size
    up = np.array([[1 / OVER, 0, (1 / OVER - 1) / 2], [0, 1 / OVER, (1 / OVER - 1) / 2], [0, 0, 1]])  # fine pixel to picture pixel
    fine = shift_matrix((OVER * MARGIN, OVER * MARGIN)) @ np.linalg.inv(up) @ H @ up
    seen = np.stack(
        [
            warp(light[..., c], fine, output_shape=(OVER * height, OVER * width), order=3, mode="edge", preserve_range=True, clip=False)
            for c in range(3)
        ],
        -1,
    )
    return np.maximum(seen, 0).reshape(height, OVER, width, OVER, 3).mean((1, 3))


def expose(light, noise, rng, gain=1.0, offset=0.0):
    """8-bit picture of linear light: response, gain and offset on code values, noise, clipping."""
    code = gain * 255 * encode(light) + offset
    sigma = noise * np.sqrt(0.3 + 0.7 * np.clip(code, 0, 255) / 255)
    return np.clip(np.rint(code + sigma * rng.standard_normal(code.shape)), 0, 255).astype(np.uint8)


def blurred(light, kernel):
    """True convolution of the canvas."""
    return np.stack(
        [
            cv2.filter2D(light[..., c], cv2.CV_32F, kernel[::-1, ::-1].astype(np.float32), borderType=cv2.BORDER_REFLECT_101)
            for c in range(3)
        ],
        -1,
    )


def scene(pairs, seed, rig=Rig(), photo=None, knock=None):
    """``pairs`` pairs after a static reference, of one photograph; ``knock`` is a 3x3 put onto every pair but the reference."""
    rng = np.random.default_rng(seed)
    name = photo or PHOTOS[seed % len(PHOTOS)]
    light = canvas(name, rig, rng)
    made = Scene(photo=name, gain=rng.uniform(*rig.gain) * rng.uniform(0.95, 1.05, 3), offset=rng.uniform(*rig.offset, 3))
    noise = rng.uniform(*rig.noise, 2)
    H = random_homography(rig, rng)
    for j in range(pairs + 1):
        extent = 0.0 if j == 0 else rng.uniform(*rig.blur_px)
        by = np.zeros(2) if j == 0 else rng.uniform(-1, 1, 2) * rig.pair_shift_px
        true = shift_matrix(by) @ (knock @ H if knock is not None and j else H)
        seen = light if j == 0 else blurred(light, shake(extent, rng))
        made.blurries.append(expose(photograph(seen, np.eye(3), rig), noise[0], rng, made.gain, made.offset))
        made.sharps.append(expose(photograph(light, true, rig), noise[1], rng))
        made.homographies.append(true)
        made.blur_px.append(extent)
    return made


def corner_error(found, true, size):
    """Mean distance in px between where two homographies put the four corners of a (height, width) picture."""
    height, width = size
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1.0]]).T
    a, b = found @ corners, true @ corners
    return float(np.linalg.norm(a[:2] / a[2] - b[:2] / b[2], axis=0).mean())


@dataclass(frozen=True)
class Optics:
    """A camera's lens in pixels of its file, independent of blurdata: OpenCV's camera matrix and k1, k2, p1, p2."""

    size: tuple[int, int]
    bends: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    @property
    def matrix(self):
        """The camera matrix: focal length of the picture's height, centre a little off the middle."""
        height, width = self.size
        return np.array([[height, 0, width / 2 + 3], [0, height, height / 2 - 2], [0, 0, 1.0]])


def taken(picture, optics, *, flip=False):
    """The file a camera with this lens writes of an undistorted picture: bent, then mirrored where a beam splitter did so first."""
    height, width = picture.shape[:2]
    grid = np.stack(np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height)), -1)
    at = cv2.undistortPoints(grid.reshape(-1, 1, 2), optics.matrix, np.array(optics.bends), P=optics.matrix).reshape(height, width, 2)
    if flip:
        at[..., 0] = width - 1 - at[..., 0]
    x, y = at[..., 0].astype(np.float32), at[..., 1].astype(np.float32)
    return cv2.remap(picture, x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)
