"""What every command does alike: examples first, guesses for typos, one sentence for errors, a clean stop."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import typer
from typer.testing import CliRunner

from blurdata import cli
from blurdata.cli import build_app
from blurdata.cli._doctor import albumentations_x, opencv_clash
from blurdata.cli._help import split_examples
from blurdata.errors import SourceError

COMMANDS = [name for name in cli._COMMANDS if name != "recipe"]


def run(*arguments, **options):
    """Run the command line in this process."""
    return CliRunner().invoke(build_app(), list(arguments), **options)


def blurdata(*arguments, environment=None):
    """Run the command line as a person does."""
    return subprocess.run(
        [sys.executable, "-m", "blurdata", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **(environment or {})},
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_help_begins_with_examples(name):
    """Each command's help begins with examples that call that very command."""
    lines = run(name, "--help").output.splitlines()

    assert lines[0] == "Examples:"
    assert lines[1].strip().startswith(f"blurdata {name}")


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_use_options_that_exist(name):
    """Every option in an example is an option of the command, so that examples work as typed."""
    command = typer.main.get_command(build_app()).commands[name]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    used = {word for example in command.examples for word in example.split() if word.startswith("--")}

    assert used <= known


def test_no_arguments_print_the_help():
    """``blurdata`` alone prints examples and the list of commands."""
    result = run()

    assert result.output.startswith("Examples:")
    assert "report" in result.output


@pytest.mark.parametrize(("typed", "meant"), [("reprot", "report"), ("verfy", "verify"), ("docter", "doctor")])
def test_misspelt_command_is_guessed(typed, meant):
    """A misspelt command is wrong usage, and the nearest one is named."""
    result = run(typed)

    assert result.exit_code == 2
    assert f"Did you mean '{meant}'?" in result.output


def test_examples_are_taken_out_of_any_docstring():
    """Bold lines, lines behind a backspace mark and continued lines are examples alike."""
    text = "Do it.\n\n[bold]blurdata a x[/bold]\n\n\b\nblurdata b \\\n  --y z\n\nMore."

    examples, rest = split_examples(text)

    assert examples == ["blurdata a x", "blurdata b --y z"]
    assert rest == "Do it.\n\nMore."


def test_no_color_is_obeyed():
    """With NO_COLOR nothing on the help page changes colour, even where colour is forced."""
    plain = blurdata("report", "--help", environment={"NO_COLOR": "1", "TERM": "dumb"})

    assert "\x1b[3" not in plain.stdout


def test_data_error_is_one_sentence():
    """A wrong source ends with exit code 1, one sentence on stderr, nothing on stdout, no traceback."""
    result = blurdata("report", "pears:nothing")

    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("blurdata: 'pears:nothing' names no source; did you mean 'pairs:'?")
    assert "Traceback" not in result.stderr


def test_own_fault_shows_no_traceback(monkeypatch, capsys):
    """Even a fault of the program itself is one sentence, which says how to see more."""

    def broken():
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(cli, "build_app", lambda: broken)
    with pytest.raises(SystemExit) as end:
        cli.main()

    assert end.value.code == 1
    assert "BLURDATA_TRACEBACK=1" in capsys.readouterr().err


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(130)])
def test_stop_says_that_it_can_carry_on(monkeypatch, capsys, stop):
    """Ctrl-C ends with 130 and a sentence, whichever way typer reports it."""

    def stopped():
        raise stop

    monkeypatch.setattr(cli, "build_app", lambda: stopped)
    with pytest.raises(SystemExit) as end:
        cli.main()

    assert end.value.code == 130
    assert "carries on" in capsys.readouterr().err


def test_interrupt_ends_a_running_command():
    """A real SIGINT ends a command that is waiting, quickly and without a traceback."""
    code = "import time, typer, blurdata.cli as c\n"
    code += "app = typer.Typer()\n@app.command()\ndef wait():\n    print('ready', flush=True); time.sleep(60)\n"
    code += "c.build_app = lambda: app\nc.main()"
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=20)

    assert child.returncode == 130
    assert said == "blurdata: stopped; the same command again carries on.\n"


def test_recipes_are_listed_shown_and_copied(tmp_path, monkeypatch):
    """List names each recipe with its purpose, show prints it, copy makes a file that is not overwritten unasked."""
    monkeypatch.chdir(tmp_path)
    names = {entry["name"]: entry["purpose"] for entry in json.loads(run("recipe", "list", "--json").stdout)}
    shown = run("recipe", "show", "gopro")
    copied = run("recipe", "copy", "gopro", "--out", "mine.yaml")
    again = run("recipe", "copy", "gopro", "--out", "mine.yaml")

    assert names["gopro"]
    assert "window" in shown.stdout
    assert copied.exit_code == 0
    assert (tmp_path / "mine.yaml").read_text().rstrip() == shown.stdout.rstrip()
    assert "--overwrite" in str(again.exception)
    assert run("recipe", "copy", "gopro", "--out", "mine.yaml", "--overwrite").exit_code == 0


def test_doctor_says_what_is_there():
    """--json holds versions, codecs and CUDA; the exit code follows from the faults."""
    result = run("doctor", "--json")
    found = json.loads(result.stdout)

    assert found["ok"] == (not found["faults"])
    assert result.exit_code == (0 if found["ok"] else 1)
    assert {"blurdata", "torch", "cv2"} <= set(found["versions"])
    assert "h264" in found["video"]["decodes"]


def test_doctor_exits_with_1_on_a_fault(monkeypatch):
    """A clash that is found makes the command fail and names the remedy."""
    from blurdata.cli import _doctor

    monkeypatch.setattr(_doctor, "_installed", lambda names: dict.fromkeys(names, "1.0"))
    result = run("doctor")

    assert result.exit_code == 1
    assert "FAULT" in result.stdout


def test_doctor_knows_what_breaks_what():
    """Two OpenCV wheels are a fault and one is none; AlbumentationsX is one in any case."""
    assert opencv_clash({"opencv-python-headless": "4.9"}) == []
    assert "pip uninstall" in opencv_clash({"opencv-python": "4.9", "opencv-python-headless": "4.9"})[0]
    assert albumentations_x({}) == []
    assert "AGPL" in albumentations_x({"albumentationsx": "2.0"})[0]


def test_errors_are_shown_as_they_are(monkeypatch, capsys):
    """The sentence of a data error reaches the person unchanged."""

    def broken():
        raise SourceError("ride.mp4: holds no video; give another.")

    monkeypatch.setattr(cli, "build_app", lambda: broken)
    with pytest.raises(SystemExit):
        cli.main()

    assert capsys.readouterr().err == "blurdata: ride.mp4: holds no video; give another.\n"
