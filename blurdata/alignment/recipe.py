"""What can be chosen about an alignment, with RealBlur's values as defaults."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from blurdata.color import with_tables
from blurdata.recipe import FileName, Recipe, found_file, recipe_id

Name = Annotated[str, Field(min_length=1, max_length=200)]


class AlignRecipe(Recipe):
    """How captures of two cameras become pairs.

    Args:
        kind: ``align``.
        blurry: Where in a scene the slow camera's pictures are; ``{name}`` is what both halves of a pair share, without suffix.
        sharp: Where the fast camera's are. The first pair of a scene in natural order is its static reference.
        raw: Read the cameras' raw files (DNG, ARW, NEF …) in linear light instead of their pictures.
        flip_sharp: The beam splitter mirrored the sharp camera's pictures.
        flip_blurry: It mirrored the blurry camera's.
        crop: [top, left, bottom, right] px of the upright picture that is used, the last two excluded.
        scale: Size of the result relative to the file.
        lens_blurry: Calibration of the blurry camera's lens, OpenCV YAML, in pixels of the file as it was taken.
        lens_sharp: Of the sharp camera's.
        undistort: Use the calibrations.
        reference: ``ecc`` finds the homography of a scene from its reference pair; ``none`` takes the cameras as aligned.
        shift: Estimator of each pair's shift.
        photometric: Estimator of gain and offset.
        photometric_from: Each pair on its own, or the scene's reference for all, as published.
        trim: Cut to the common rectangle of valid pixels.
        denoise: ``nlm`` cleans the sharp picture by non-local means.
        curve: From code values to light.
        limit_px: No pair is moved further from its reference.
        kernel_px: No blur is longer.
        max_residual_px: Quadrants that disagree by more refuse the pair.
        min_correlation: A pair that correlates less is refused.
        max_reference_blur_px: A first pair with more blur is no static reference.
        bits: Depth of the pictures that are written.
        root: Folder of the set below the output, as in the published lists.
        list_name: Name of the list of pairs.

    Example:
        >>> AlignRecipe().shift
        'accurate'
    """

    kind: Literal["align"] = "align"
    blurry: Name = "right/{name}"
    sharp: Name = "left/{name}"
    raw: bool = False
    flip_sharp: bool = True
    flip_blurry: bool = False
    crop: tuple[int, int, int, int] | None = (0, 953, 3094, 3674)
    scale: Annotated[float, Field(gt=0, le=1)] = 0.25
    lens_blurry: FileName | None = None
    lens_sharp: FileName | None = None
    undistort: bool = True
    reference: Literal["ecc", "none"] = "ecc"
    shift: Literal["accurate", "published", "none"] = "accurate"
    photometric: Literal["robust", "published", "none"] = "robust"
    photometric_from: Literal["pair", "reference"] = "pair"
    trim: bool = True
    denoise: Literal["none", "nlm"] = "none"
    curve: Annotated[Name, AfterValidator(found_file)] = "srgb"
    limit_px: Annotated[float, Field(gt=0, le=400)] = 80.0
    kernel_px: Annotated[int, Field(ge=3, le=301)] = 70
    max_residual_px: Annotated[float, Field(gt=0)] = 0.4
    min_correlation: Annotated[float, Field(ge=0, lt=1)] = 0.8
    max_reference_blur_px: Annotated[float, Field(gt=0)] = 4.0
    bits: Literal[8, 16] = 8
    root: Name = "RealBlur-J_ECC_IMCORR_centroid_itensity_ref"
    list_name: Name = "RealBlur_J_train_list.txt"

    @field_validator("blurry", "sharp")
    @classmethod
    def _one_name(cls, pattern: str) -> str:
        parts = pattern.split("/")
        if pattern.count("{name}") != 1 or "{name}" not in parts[-1] or any(part in ("", ".", "..") for part in parts):
            msg = "must be a path inside a scene whose last part holds '{name}' once, such as 'left/{name}'"
            raise ValueError(msg)
        return pattern

    @field_validator("root", "list_name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if "/" in name or "\\" in name or " " in name or name in (".", ".."):
            msg = "must be one plain name without '/' and blanks"
            raise ValueError(msg)
        return name

    @field_validator("crop")
    @classmethod
    def _has_area(cls, crop: tuple[int, int, int, int] | None) -> tuple[int, int, int, int] | None:
        if crop is not None and not (0 <= crop[0] < crop[2] and 0 <= crop[1] < crop[3]):
            msg = "must be [top, left, bottom, right] with bottom > top >= 0 and right > left >= 0"
            raise ValueError(msg)
        return crop

    @property
    def id(self) -> str:
        """The recipe id, which another table of the curve changes."""
        return recipe_id(with_tables(self.resolved()))

    @model_validator(mode="after")
    def _patterns_differ(self) -> "AlignRecipe":
        if self.blurry == self.sharp:
            msg = f"fields 'blurry' and 'sharp' name the same pictures ({self.blurry!r})"
            raise ValueError(msg)
        return self
