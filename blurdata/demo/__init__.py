"""The main job, end to end, on a real film clip: build, check, train, report."""

from blurdata.demo.clip import find_clip
from blurdata.demo.run import run_demo
from blurdata.demo.split import split_shots

__all__ = ["find_clip", "run_demo", "split_shots"]
