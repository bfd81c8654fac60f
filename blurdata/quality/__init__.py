"""What is wrong with a set of pairs: shifted, swapped, shuffled, unblurred, clipped, copied.

:func:`survey` measures every pair, :func:`judge` says which are suspect. Neither needs a network or a trained model.
"""

from blurdata.quality.alone import rough_blur
from blurdata.quality.audit import Audit, Fault, audit
from blurdata.quality.facts import PairFacts, measure_pair
from blurdata.quality.findings import KINDS, Finding, Kind, judge
from blurdata.quality.hashes import Copy, content_hash, copies_across_splits, perceptual_hash, take_print
from blurdata.quality.shift import Shift, estimate_shift
from blurdata.quality.survey import Survey, survey

__all__ = [
    "KINDS",
    "Audit",
    "Copy",
    "Fault",
    "Finding",
    "Kind",
    "PairFacts",
    "Shift",
    "Survey",
    "audit",
    "content_hash",
    "copies_across_splits",
    "estimate_shift",
    "judge",
    "measure_pair",
    "perceptual_hash",
    "rough_blur",
    "survey",
    "take_print",
]
