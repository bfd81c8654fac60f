"""One network for clean and for blurred pictures: they share its weights, but not its batch norms, and a gate tells which is which.

Batch norms that see both kinds fit neither: on clean pictures a small network then loses two points of accuracy. Norms of their own for
what is augmented are from Xie et al., "Adversarial examples improve image recognition" (2020), who use those of clean pictures for all
that is tested; blurred pictures gain little by that, so here a few layers learn from the same batches which norms a picture needs.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm

_WIDTHS, _SIDES = (24, 48, 64), (5, 3, 3)  # of the gate's convolutions, each with a stride of 2


class SplitNorms(nn.Module):
    """A network whose batch norms are doubled, and its gate.

    Args:
        network: Any network with ``BatchNorm2d``; it is changed, and both kinds of norm begin as its own.
        seed: Of the gate's weights.

    Example:
        >>> from torchvision import models
        >>> network = SplitNorms(models.mobilenet_v3_small(num_classes=4), seed=0)
        >>> logits, told = network.learn(torch.zeros(3, 3, 64, 64), torch.tensor([False, True, False]))
        >>> logits.shape, told.shape, network.eval()(torch.zeros(2, 3, 64, 64)).exp().sum(1).round(decimals=4).tolist()
        (torch.Size([3, 4]), torch.Size([3]), [1.0, 1.0])
    """

    def __init__(self, network: nn.Module, *, seed: int) -> None:
        super().__init__()
        self._norms: list[_SplitNorm] = []
        self._split(network)
        self.network = network
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.gate = _Gate()

    def _split(self, module: nn.Module) -> None:
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                self._norms.append(_SplitNorm(child))
                setattr(module, name, self._norms[-1])
            else:
                self._split(child)

    def added(self) -> list[nn.Parameter]:
        """The parameters that the network alone does not have."""
        return [*(parameter for norm in self._norms for parameter in norm.blurred.parameters()), *self.gate.parameters()]

    def learn(self, batch: Tensor, blurred: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of pictures (B, 3, H, W) that are known to be blurred or not, (B,) bool; and the gate's, (B,), which are to learn it."""
        parts = [(rows, self._answer(batch[rows], which)) for which in (False, True) if len(rows := torch.nonzero(blurred == which)[:, 0])]
        places = torch.cat([rows for rows, _ in parts]).argsort()
        return torch.cat([logits for _, logits in parts])[places], self.gate(batch)

    def forward(self, batch: Tensor) -> Tensor:
        """``log((1 - g) p_clean + g p_blurred)``, (B, classes): the answers by either norms, by the gate's belief g that it is blurred."""
        clean, blurred = (self._answer(batch, which).float().softmax(1) for which in (False, True))
        belief = self.gate(batch).float().sigmoid()[:, None]
        return torch.lerp(clean, blurred, belief).log()

    def _answer(self, batch: Tensor, blurred: bool) -> Tensor:
        for norm in self._norms:
            norm.for_blurred = blurred
        answer: Tensor = self.network(batch)
        return answer


class _SplitNorm(nn.Module):
    """Two batch norms in the place of one."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.clean, self.blurred = norm, copy.deepcopy(norm)
        self.for_blurred = False

    def forward(self, x: Tensor) -> Tensor:
        norm = self.blurred if self.for_blurred else self.clean
        if self.training and x[:, 0].numel() == 1:  # a single picture of its kind, shrunk to a pixel, has no spread
            return batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
        normed: Tensor = norm(x)
        return normed


class _Gate(nn.Module):
    """How blurred a picture is, as a logit: a few convolutions and, over the picture, the mean and the most of each of their channels."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, width, side in zip((3, *_WIDTHS), _WIDTHS, _SIDES, strict=False):
            layers += [nn.Conv2d(before, width, side, 2, side // 2, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        self.layers, self.last = nn.Sequential(*layers), nn.Linear(2 * _WIDTHS[-1], 1)

    def forward(self, batch: Tensor) -> Tensor:
        found = self.layers(batch)
        told: Tensor = self.last(torch.cat([found.mean((2, 3)), found.amax((2, 3))], 1))[:, 0]
        return told
