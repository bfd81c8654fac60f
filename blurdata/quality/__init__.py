"""What is wrong with a set of pairs: shifted, swapped, shuffled, unblurred, clipped, copied.

:func:`survey` measures every pair, :func:`judge` says which are suspect. Neither needs a network or a trained model.
"""

from blurdata.quality.facts import PairFacts, measure_pair
from blurdata.quality.findings import KINDS, Finding, Kind, judge
from blurdata.quality.shift import Shift, estimate_shift
from blurdata.quality.survey import Survey, survey

__all__ = ["KINDS", "Finding", "Kind", "PairFacts", "Shift", "Survey", "estimate_shift", "judge", "measure_pair", "survey"]
