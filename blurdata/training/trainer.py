"""One optimiser step, and everything that must be kept to take the next one after a restart."""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from blurdata.errors import BlurDataError
from blurdata.naming import some
from blurdata.training.losses import LOSSES
from blurdata.training.processes import mean_over_processes
from blurdata.training.recipe import TrainRecipe
from blurdata.training.schedule import learning_rate


class Diverged(BlurDataError):
    """The loss is no number any more.

    Args:
        step: The step at which it happened.
        keys: Keys of the pairs in that batch.
    """

    def __init__(self, step: int, keys: Sequence[str]) -> None:
        self.step, self.keys = step, list(keys)
        first = some(self.keys, limit=4)
        super().__init__(f"The loss or its gradient at step {step} is not finite; look at {first}, or lower learning_rate.")

    def __reduce__(self) -> tuple[type, tuple[int, list[str]]]:
        return type(self), (self.step, self.keys)


class Trainer:
    """A network, its AdamW and its running average, advanced one batch at a time.

    Args:
        model: On its device; wrap it in ``DistributedDataParallel`` before handing it in.
        recipe: How to train it.
        accumulate: Parts that a batch is cut into, one after the other, where memory is small. The step is the same but for rounding,
            except for networks with batch norms (No-Blur): each part is normalised by its own pixels, and the running statistics move
            once a part.

    Example:
        >>> from blurdata.training import build_model
        >>> recipe = TrainRecipe(model="baseline", small=True, stages=[{"steps": 2, "crop": 16, "batch": 1}], learning_rate=1e-3)
        >>> trainer = Trainer(build_model("baseline", small=True), recipe)
        >>> batch = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
        >>> trainer.step(batch, batch, keys=["grey"])
        0.0
    """

    def __init__(self, model: nn.Module, recipe: TrainRecipe, *, accumulate: int = 1) -> None:
        self.model, self.recipe, self.accumulate = model, recipe, accumulate
        self.rate = self.gradient_norm = 0.0
        self.steps_done = 0
        self.device = next(model.parameters()).device
        self.optimiser = torch.optim.AdamW(model.parameters(), recipe.learning_rate, recipe.betas, weight_decay=recipe.weight_decay)
        self.average: AveragedModel | None = None
        if recipe.ema:
            averaging = get_ema_multi_avg_fn(recipe.ema)  # type: ignore[no-untyped-call]
            self.average = AveragedModel(self._plain, multi_avg_fn=averaging, use_buffers=True)

    @property
    def evaluated(self) -> nn.Module:
        """The network to evaluate and ship: the running average where the recipe has one."""
        return self.average.module if self.average else self._plain

    @property
    def _plain(self) -> nn.Module:
        """The network itself, also under ``DistributedDataParallel``."""
        return self.model.module if isinstance(self.model, DistributedDataParallel) else self.model

    def step(self, blurry: Tensor, sharp: Tensor, *, keys: Sequence[str], progress: float | None = None) -> float:
        """Learn from one batch and return its loss, the mean over all processes; ``rate`` and ``gradient_norm`` tell of it.

        Args:
            blurry: (B, 3, H, W) uint8 or uint16; made float on the device.
            sharp: Same shape and dtype.
            keys: Keys of the pairs, for the error if the loss is no number.
            progress: Share of the training that is over, [0, 1], for runs bounded by time; by default the steps decide.

        Raises:
            Diverged: In all processes, if the loss or a gradient is not finite in one; the weights are left as they were.
        """
        self.rate = self._rate(self.steps_done if progress is None else progress * self.recipe.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate
        self.model.train()
        self.optimiser.zero_grad(set_to_none=True)
        loss = mean_over_processes(self._backward(blurry, sharp))
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm or float("inf"))
        self.gradient_norm = float(norm)
        if not (math.isfinite(loss) and math.isfinite(self.gradient_norm)):
            raise Diverged(self.steps_done, keys)
        self.optimiser.step()
        self.steps_done += 1
        if self.average:
            self.average.update_parameters(self._plain)
        return loss

    def _rate(self, position: float) -> float:
        recipe = self.recipe
        return learning_rate(
            position,
            steps=recipe.steps,
            peak=recipe.learning_rate,
            final=recipe.final_learning_rate,
            warmup=recipe.warmup_steps,
            hold=recipe.hold_steps,
        )

    def _backward(self, blurry: Tensor, sharp: Tensor) -> Tensor:
        """Put the gradients of a batch into the parameters; its loss, on the device."""
        parts = list(zip(blurry.chunk(self.accumulate), sharp.chunk(self.accumulate), strict=True))
        total = torch.zeros((), device=self.device)
        for number, (part, truth) in enumerate(parts, 1):
            with self._synced(number == len(parts)):
                with self._autocast():
                    restored = self.model(as_float(part, self.device))
                loss = LOSSES[self.recipe.loss](restored.float(), as_float(truth, self.device)) * (len(part) / len(blurry))
                loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        return total

    def _synced(self, last: bool) -> AbstractContextManager[Any]:
        """Processes average their gradients once a step, with the last part."""
        if last or not isinstance(self.model, DistributedDataParallel):
            return nullcontext()
        return self.model.no_sync()

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.recipe.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def state_dict(self) -> dict[str, Any]:
        """Everything the next step depends on besides the data: weights, moments, average, step."""
        return {
            "step": self.steps_done,
            "model": self._plain.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.state_dict() if self.average else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where :meth:`state_dict` was taken.

        Raises:
            ValueError: If the step is no whole number of the recipe's steps, or the optimiser is not that of this network and recipe.
        """
        if type(state["step"]) is not int or not 0 <= state["step"] <= self.recipe.steps:
            msg = f"step must be a whole number from 0 to {self.recipe.steps}, got {state['step']!r}."
            raise ValueError(msg)
        self.steps_done = state["step"]
        self._plain.load_state_dict(state["model"])
        self._load_optimiser(state["optimiser"])
        if self.average:
            self.average.load_state_dict(state["average"])

    def _load_optimiser(self, state: dict[str, Any]) -> None:
        """Torch itself takes moments of any shape, none, and the settings of another run."""
        own = self.optimiser.state_dict()["param_groups"]
        if _settings(state["param_groups"]) != _settings(own):
            msg = "its optimiser has other settings"
            raise ValueError(msg)
        parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        moments = [(state["state"].get(i, {}).get(name), p) for i, p in enumerate(parameters) for name in ("exp_avg", "exp_avg_sq")]
        if self.steps_done and not all(isinstance(value, Tensor) and value.shape == p.shape for value, p in moments):
            msg = "its optimiser's moments are not those of this network"
            raise ValueError(msg)
        self.optimiser.load_state_dict(state)


def _settings(groups: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of AdamW that a run does not change."""
    return [{name: value for name, value in group.items() if name != "lr"} for group in groups]


def as_float(pictures: Tensor, device: torch.device) -> Tensor:
    """(B, 3, H, W) integer code values as float32 in [0, 1] on ``device``.

    Example:
        >>> as_float(torch.full((1, 3, 1, 1), 255, dtype=torch.uint8), torch.device("cpu")).unique().tolist()
        [1.0]
    """
    top = 255.0 if pictures.dtype == torch.uint8 else 65535.0
    return pictures.to(device, non_blocking=True).float() / top
