"""What to train, on what, for how long: the recipe of a deblurring network."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from blurdata.recipe import FileName, Recipe

Positive = Field(gt=0)
Beta = Annotated[float, Field(ge=0, lt=1)]


class Stage(Recipe):
    """A stretch of training with one crop and one batch size; several make progressive training.

    Args:
        steps: Optimiser steps.
        crop: Side of the square crops in px.
        batch: Pairs a step, over all processes.
    """

    steps: int = Positive
    crop: int = Field(gt=0, multiple_of=2)
    batch: int = Positive


class OnlineBlur(Recipe):
    """One degradation of pairs that are made while training, such as ``{kind: shake, parameters: {extent_px: [5, 31]}}``.

    Args:
        kind: Which transform of :mod:`blurdata.transforms`.
        parameters: Its parameters: a number, or a pair to draw from.
        curve: Response curve; ``linear`` blurs code values.
        p: Probability.
    """

    kind: Literal["motion", "shake", "defocus", "gaussian", "zoom", "noise", "saturation", "any"]
    parameters: dict[str, int | float | tuple[float, float]] = Field(default_factory=dict)
    curve: FileName = "srgb"
    p: float = Field(default=1.0, ge=0, le=1)


class TrainRecipe(Recipe):
    """How a deblurring network is trained.

    Args:
        model: Which network of :mod:`blurdata.models`.
        small: Its CPU-size variant.
        arguments: Of the network's constructor, such as ``{width: 64}``; not together with ``small``.
        stages: One or more stretches of steps with a crop and a batch size each.
        learning_rate: Peak of AdamW's learning rate.
        final_learning_rate: Where the cosine ends.
        warmup_steps: Linear rise at the start.
        hold_steps: Steps at the peak before the cosine begins.
        weight_decay: AdamW's decoupled weight decay.
        betas: AdamW's moments.
        loss: ``l1``, ``mse``, or ``psnr`` (mean over the batch of 10 log10 of each picture's MSE, as NAFNet).
        clip_norm: Largest norm of the gradient, or None.
        ema: Decay of the running average of the weights that is evaluated and saved, or None.
        precision: ``fp32``, or ``bf16`` autocast.
        augment: ``none``, ``geometry`` (flips and quarter turns) or ``gopro`` (the original augmentations of Nah et al.).
        pairs: ``shards``; ``online``, made from sharp pictures by ``blur``; or ``both``, half of each.
        blur: Degradations of pairs made on line, one after the other.
        blur_margin_px: Read around a crop before it is blurred, so that what moves in from outside is real.
        balance: A number of the pairs' meta, such as ``blur_px_p95``, over whose octaves pairs are drawn evenly, or None.
        where: Filter on the pairs' meta, such as ``"blur_px_p95 < 25"``, or None.
        evaluate_every: Steps between evaluations; 0 evaluates only at the end.
        evaluate_pairs: Test pairs of each evaluation and of the curve, spread evenly; the last one scores all besides. 0 takes all.
        protocol: How the evaluation scores: ``plain``, ``realblur`` or ``gopro-matlab``.
        seed: Of the weights, the order and the augmentations.

    Example:
        >>> from blurdata.recipe import read_recipe
        >>> read_recipe("verify_fast", TrainRecipe).model, read_recipe("verify_fast", TrainRecipe, model="noblur").model
        ('baseline', 'noblur')
    """

    model: Literal["baseline", "noblur", "dehaze", "restormer", "nafnet"] = "baseline"
    small: bool = False
    arguments: dict[str, int | float | list[int]] = Field(default_factory=dict)
    stages: tuple[Stage, ...] = Field(min_length=1)
    learning_rate: float = Positive
    final_learning_rate: float = Field(default=1e-6, ge=0)
    warmup_steps: int = Field(default=0, ge=0)
    hold_steps: int = Field(default=0, ge=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    loss: Literal["l1", "mse", "psnr"] = "l1"
    clip_norm: float | None = Field(default=None, gt=0)
    ema: float | None = Field(default=None, gt=0, lt=1)
    precision: Literal["fp32", "bf16"] = "fp32"
    augment: Literal["none", "geometry", "gopro"] = "geometry"
    pairs: Literal["shards", "online", "both"] = "shards"
    blur: tuple[OnlineBlur, ...] = ()
    blur_margin_px: int = Field(default=16, ge=0)
    balance: str | None = None
    where: str | None = None
    evaluate_every: int = Field(default=0, ge=0)
    evaluate_pairs: int = Field(default=0, ge=0)
    protocol: Literal["plain", "realblur", "gopro-matlab"] = "plain"
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.warmup_steps + self.hold_steps > self.steps:
            msg = f"warmup_steps and hold_steps together must not exceed the {self.steps} steps of all stages; lower them"
            raise ValueError(msg)
        if self.small and self.arguments:
            msg = "small fixes the network's arguments; leave one of them out"
            raise ValueError(msg)
        if self.pairs != "shards" and not self.blur:
            msg = f"pairs: {self.pairs} makes pairs on line; say how under `blur`, such as [{{kind: shake}}]"
            raise ValueError(msg)
        return self

    @property
    def steps(self) -> int:
        """Optimiser steps of all stages together."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> Stage:
        """The stage that ``step`` (from 0) belongs to."""
        return self.stages[self._place(step)[0]]

    def steps_left_in_stage(self, step: int) -> int:
        """Steps of the stage of ``step`` from ``step`` on."""
        index, within = self._place(step)
        return self.stages[index].steps - within

    def _place(self, step: int) -> tuple[int, int]:
        for index, stage in enumerate(self.stages):
            if step < stage.steps:
                return index, step
            step -= stage.steps
        return len(self.stages) - 1, self.stages[-1].steps
