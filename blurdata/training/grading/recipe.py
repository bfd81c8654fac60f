"""What is trained and tested to see whether blur augmentation helps grading: the recipe."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from blurdata.recipe import FileName, Recipe

Positive = Field(gt=0)
Share = Annotated[float, Field(ge=0, le=1)]


class Arm(Recipe):
    """One way to augment.

    Args:
        blur: ``none``; ``usual``, torchvision's GaussianBlur with sigma 0.1 to 2; ``matched``, Gaussians as wide as ``physical``;
            ``physical``, straight motion and disks in linear light.
        p: Share of the pictures that are blurred.
        norms: ``shared``, the network's own batch norms for all pictures; ``split``, norms of their own for blurred ones and a gate that
            tells which those are (:class:`~blurdata.training.grading.SplitNorms`): next to nothing is lost on clean pictures, and an
            answer takes twice the time.
        consistency: Weight of the loss that pulls the answers for a picture and its blurred copy together; above 0 both are seen.
    """

    blur: Literal["none", "usual", "matched", "physical"] = "none"
    p: float = Field(default=0.5, ge=0, le=1)
    norms: Literal["shared", "split"] = "shared"
    consistency: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _something_to_tell(self) -> Self:
        if self.norms == "split" and (self.blur == "none" or not 0 < self.p < 1):
            msg = "norms: split is for arms that blur some pictures and leave others; leave it out, or set blur, and p between 0 and 1"
            raise ValueError(msg)
        return self


class GradingRecipe(Recipe):
    """How the arms are trained and tested.

    Args:
        model: torchvision network.
        weights: File of weights of that network (``state_dict`` of ImageNet, say), or None to start from scratch.
        arms: Name -> how to augment; the first is what the others are compared with.
        side: Side in px at which pictures are kept and blurred; ImageNet-C's tables are for 224.
        input_side: Side in px of the crops that the network sees, reduced from ``side`` after the blur.
        steps: Optimiser steps of every arm.
        batch: Pictures a step.
        learning_rate: Peak of AdamW's, with a linear rise over the first tenth and a cosine to zero.
        weight_decay: AdamW's.
        smoothing: Label smoothing.
        length_px: Range of the straight motions that ``physical`` draws.
        radius_px: Range of its disks.
        ramp: Shares of the steps between which the share of blurred pictures rises from 0 to an arm's ``p``: what the classes rest on
            is learnt in a fraction of the time from clean pictures first.
        precision: ``fp32``, or ``bf16`` autocast: half the time for a ResNet where the processor knows bf16.
        ordered: Whether the classes are grades in order, for the quadratic kappa: true where their names sort into it, or a Hugging
            Face set declares them in it; else all their names in order, as ``[poor, medium, good]``.
        folds: Parts of a cross-validation of all pictures; 1 uses the set's own split, or where there is none the first of five parts.
        seeds: Trainings of every arm and fold.
        seed: The first of them.
    """

    model: Literal["mobilenet_v3_small", "mobilenet_v3_large", "resnet18"] = "mobilenet_v3_small"
    weights: FileName | None = None
    arms: dict[str, Arm] = Field(min_length=1)
    side: int = Field(default=224, ge=32, le=2048)
    input_side: int = Field(default=224, ge=32, le=2048)
    steps: int = Positive
    batch: int = Field(default=32, ge=2)
    learning_rate: float = Positive
    weight_decay: float = Field(default=0.05, ge=0)
    smoothing: float = Field(default=0.1, ge=0, lt=1)
    length_px: tuple[float, float] = (3.0, 31.0)
    radius_px: tuple[float, float] = (1.0, 10.0)
    ramp: tuple[Share, Share] = (0.2, 0.6)
    precision: Literal["fp32", "bf16"] = "fp32"
    ordered: bool | tuple[str, ...] = False
    folds: int = Field(default=1, ge=1)
    seeds: int = Field(default=3, ge=1)
    seed: int = Field(default=0, ge=0)

    @field_validator("length_px", "radius_px")
    @classmethod
    def _positive_range(cls, pair: tuple[float, float]) -> tuple[float, float]:
        if not 0 < pair[0] <= pair[1]:
            msg = "must be [least, most] in px with most >= least > 0"
            raise ValueError(msg)
        return pair

    @field_validator("arms")
    @classmethod
    def _names_of_files(cls, arms: dict[str, Arm]) -> dict[str, Arm]:
        for name in arms:
            if not re.fullmatch(r"\w[\w .+-]*", name) or len(name) > 60:
                msg = f"the arm {name!r} must be named by at most 60 letters, digits, spaces and . + - _, the first a letter or digit"
                raise ValueError(msg)
        if len({name.replace(" ", "_").lower() for name in arms}) < len(arms):
            msg = "two arms differ by no more than spaces, underscores or capitals; their answers would share a file"
            raise ValueError(msg)
        return arms

    @field_validator("ramp")
    @classmethod
    def _rises(cls, ramp: tuple[float, float]) -> tuple[float, float]:
        if ramp[0] > ramp[1]:
            msg = "must be [begin, end], shares of the steps with end >= begin"
            raise ValueError(msg)
        return ramp
