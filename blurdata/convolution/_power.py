"""How is a power taken of millions of floats? By series, in loops that the compiler turns into vector code.

``|x| ** p = 2 ** (p log2 |x|)``. With ``|x| = 2 ** e m``, ``m`` in [√½, √2): ``ln m = 2 artanh((m - 1) / (m + 1))``, five terms of
its series (error 1e-9); the power of two is a shift of exponent bits times seven terms of ``exp`` (error 1e-8). All in float32.
"""

import numpy as np

from blurdata.compiled import compiled, part

_CHUNK = 512  # samples at once: their bits and powers stay in the first-level cache
_ROOT_HALF_BITS = np.int32(0x3F3504F3)  # of √½
_MANTISSA = np.int32(0x007FFFFF)
_LOG = tuple(np.float32(2 / np.log(2) / n) for n in (1, 3, 5, 7, 9))
_EXP = tuple(np.float32(np.log(2) ** n / np.prod(np.arange(1, n + 1))) for n in range(8))
_ONE, _TINY, _HUGE = np.float32(1), np.float32(1e-30), np.float32(3e38)


@part
def _power_of_chunk(values, exponent, bits, out):  # type: ignore[no-untyped-def]
    """``out = sign(values) * |values| ** exponent`` of one chunk; 0, infinity and NaN stay."""
    n = len(values)
    source = values.view(np.int32)
    fraction = bits.view(np.float32)
    log2 = out
    for i in range(n):
        shifted = (source[i] & np.int32(0x7FFFFFFF)) - _ROOT_HALF_BITS
        log2[i] = np.float32(shifted >> np.int32(23))
        bits[i] = (shifted & _MANTISSA) + _ROOT_HALF_BITS
    for i in range(n):
        s = (fraction[i] - _ONE) / (fraction[i] + _ONE)
        q = s * s
        log2[i] += s * (_LOG[0] + q * (_LOG[1] + q * (_LOG[2] + q * (_LOG[3] + q * _LOG[4]))))
    for i in range(n):
        y = min(max(log2[i] * exponent, np.float32(-126)), np.float32(127))
        whole = np.floor(y + np.float32(0.5))
        f = y - whole
        bits[i] = (np.int32(whole) + np.int32(127)) << np.int32(23)
        log2[i] = _EXP[0] + f * (_EXP[1] + f * (_EXP[2] + f * (_EXP[3] + f * (_EXP[4] + f * (_EXP[5] + f * (_EXP[6] + f * _EXP[7]))))))
    for i in range(n):
        size = abs(values[i])
        raised = out[i] * fraction[i]
        raised = raised if values[i] > 0 else -raised
        out[i] = raised if _TINY < size < _HUGE else (values[i] * _TINY if size <= _TINY else values[i])


@compiled
def power(values, exponent, out):  # type: ignore[no-untyped-def]
    """``out = sign(values) * |values| ** exponent``, float32 (N,)."""
    bits = np.empty(_CHUNK, np.int32)
    for start in range(0, len(values), _CHUNK):
        stop = min(start + _CHUNK, len(values))
        _power_of_chunk(values[start:stop], exponent, bits, out[start:stop])


@compiled
def decode_srgb(code, out):  # type: ignore[no-untyped-def]
    """IEC 61966-2-1 from code to light, float32 (N,), odd about 0."""
    bits = np.empty(_CHUNK, np.int32)
    base = np.empty(_CHUNK, np.float32)
    for start in range(0, len(code), _CHUNK):
        part, result = code[start : start + _CHUNK], out[start : start + _CHUNK]
        for i in range(len(part)):
            base[i] = (abs(part[i]) + np.float32(0.055)) * np.float32(1 / 1.055)
        _power_of_chunk(base[: len(part)], np.float32(2.4), bits, result)
        for i in range(len(part)):
            bent = result[i] if part[i] > 0 else -result[i]
            result[i] = part[i] * np.float32(1 / 12.92) if abs(part[i]) < np.float32(0.04045) else bent


@compiled
def encode_srgb(light, out):  # type: ignore[no-untyped-def]
    """IEC 61966-2-1 from light to code, float32 (N,), odd about 0, not clipped."""
    bits = np.empty(_CHUNK, np.int32)
    base = np.empty(_CHUNK, np.float32)
    for start in range(0, len(light), _CHUNK):
        part, result = light[start : start + _CHUNK], out[start : start + _CHUNK]
        for i in range(len(part)):
            base[i] = abs(part[i])
        _power_of_chunk(base[: len(part)], np.float32(1 / 2.4), bits, result)
        for i in range(len(part)):
            bent = np.float32(1.055) * result[i] - np.float32(0.055)
            bent = bent if part[i] > 0 else -bent
            result[i] = part[i] * np.float32(12.92) if abs(part[i]) < np.float32(0.0031308) else bent
