"""Grading pictures under blur: which data, which arms, which tests, and how to say what was found."""

from blurdata.training.grading.arms import SEVERITIES, TESTS, blur_for_testing, blur_for_training
from blurdata.training.grading.network import grading_network
from blurdata.training.grading.pictures import BURST_CODES, Pictures, folds, in_order, nearest_across, own_split, read_pictures
from blurdata.training.grading.recipe import Arm, GradingRecipe
from blurdata.training.grading.score import Compared, Scores, compare_arms, score
from blurdata.training.grading.show import compared_text, plot_scores, scores_table
from blurdata.training.grading.split_norms import SplitNorms

__all__ = [
    "BURST_CODES",
    "SEVERITIES",
    "TESTS",
    "Arm",
    "Compared",
    "GradingRecipe",
    "Pictures",
    "Scores",
    "SplitNorms",
    "blur_for_testing",
    "blur_for_training",
    "compare_arms",
    "compared_text",
    "folds",
    "grading_network",
    "in_order",
    "nearest_across",
    "own_split",
    "plot_scores",
    "read_pictures",
    "score",
    "scores_table",
]
