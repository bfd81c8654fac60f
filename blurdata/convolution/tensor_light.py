"""How do code values on a torch tensor become linear light and back?"""

import torch
from torch import Tensor

from blurdata.color import Curve


def decode(code: Tensor, curve: Curve) -> Tensor:
    """Linear light of code values, (B, C, H, W); see :meth:`blurdata.color.Curve.decode`."""
    if curve.table:
        return _by_table(code, curve, inverse=False)
    if curve.name == "gamma22":
        return code.sign() * code.abs().pow(2.2)
    if curve.name == "srgb":
        a = code.abs()
        return code.sign() * torch.where(a < 0.04045, a / 12.92, ((a + 0.055) / 1.055).pow(2.4))
    return code


def encode(light: Tensor, curve: Curve) -> Tensor:
    """Code values of linear light, not clipped; see :meth:`blurdata.color.Curve.encode`.

    The slope of a power curve is infinite at 0: gradients are those at 1e-8 there.
    """
    if curve.table:
        return _by_table(light, curve, inverse=True)
    if curve.name == "gamma22":
        return light.sign() * light.abs().clamp_min(1e-30).pow(1 / 2.2)
    if curve.name == "srgb":
        a = light.abs()
        return light.sign() * torch.where(a < 0.0031308, a * 12.92, 1.055 * a.clamp_min(0.0031308).pow(1 / 2.4) - 0.055)
    return light


def _by_table(values: Tensor, curve: Curve, *, inverse: bool) -> Tensor:
    tables = torch.tensor(curve.table, dtype=values.dtype, device=values.device)
    codes = torch.linspace(0, 1, tables.shape[1], dtype=values.dtype, device=values.device)
    if len(tables) == 1:
        return _interpolate(values, codes, tables[0], inverse=inverse)
    return torch.stack([_interpolate(values[:, c], codes, tables[c], inverse=inverse) for c in range(len(tables))], dim=1)


def _interpolate(values: Tensor, codes: Tensor, light: Tensor, *, inverse: bool) -> Tensor:
    """Piecewise linear, continued with the slope of the first and last step."""
    x, y = (light, codes) if inverse else (codes, light)
    step = (torch.searchsorted(x, values.detach().contiguous(), right=True) - 1).clamp(0, len(x) - 2)
    slope = (y[1:] - y[:-1]) / (x[1:] - x[:-1])
    return y[step] + (values - x[step]) * slope[step]
