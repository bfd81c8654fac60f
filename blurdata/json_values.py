"""What of a value can be said in JSON?"""

import math
from typing import Any


def finite(value: Any) -> Any:
    """The value, nested as it may be, with None for every number that JSON has no word for.

    Example:
        >>> finite({"psnr": [31.5, float("inf")], "name": "a"})
        {'psnr': [31.5, None], 'name': 'a'}
    """
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
