"""How far a restored batch is from the sharp one."""

from torch import Tensor


def l1(restored: Tensor, sharp: Tensor) -> Tensor:
    """Mean absolute difference."""
    return (restored - sharp).abs().mean()


def mse(restored: Tensor, sharp: Tensor) -> Tensor:
    """Mean squared difference."""
    return (restored - sharp).square().mean()


def psnr(restored: Tensor, sharp: Tensor) -> Tensor:
    """Minus the mean PSNR in dB over the batch (NAFNet): ``mean_b 10 log10(mse_b + 1e-8)``."""
    return 10 * (((restored - sharp).square().mean((1, 2, 3)) + 1e-8).log10()).mean()


LOSSES = {"l1": l1, "mse": mse, "psnr": psnr}
