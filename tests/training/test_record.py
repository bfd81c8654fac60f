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
