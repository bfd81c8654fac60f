"""The files of a run where they cannot be written."""

import errno

import pytest

from blurdata.errors import OutputError
from blurdata.training.record import RunRecord


def test_a_full_disk_in_tensorboard_s_thread_is_one_sentence(tmp_path, monkeypatch, capsys):
    """The thread's error is told by the next call, and no traceback is printed before."""
    writers = pytest.importorskip("tensorboard.summary.writer.record_writer")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writers.RecordWriter, "write", full)

    def run():
        record = RunRecord(tmp_path / "run", step=0)
        for step in range(100):
            record.step(step, 1.0, rate=1e-3, norm=1.0, seconds=0.1, waited=0.0)
        record.close()
        record.close()

    with pytest.raises(OutputError, match="tensorboard: cannot be written: the disk is full"):
        run()
    assert capsys.readouterr().err == ""


def test_a_point_of_the_curve_outlives_a_run_that_goes_on_from_there(tmp_path):
    """A run that is killed after an evaluation and goes on from its step shows that evaluation in TensorBoard, and each loss once."""
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    scores = {"blurry_psnr": 20.0, "blurry_ssim": 0.5, "restored_psnr": 21.0, "restored_ssim": 0.6}
    for begin, end in ((0, 35), (20, 40)):
        record = RunRecord(tmp_path, step=begin)
        for step in range(begin, end):
            record.step(step, 1.0, rate=1e-3, norm=1.0, seconds=0.1, waited=0.0)
            if step + 1 in (20, 40):
                record.scores(step + 1, 3, scores)
        record.close()
    found = events.EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    assert [event.step for event in found.Scalars("test/restored_psnr")] == [20, 40]
    assert [event.step for event in found.Scalars("train/loss")] == [1, 11, 21, 31]
