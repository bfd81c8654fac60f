"""What every command does alike: examples first, guesses for typos, one sentence for errors, a clean stop."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import typer
from interrupting import interrupt, start
from typer.testing import CliRunner

from blurdata import cli
from blurdata.cli import build_app
from blurdata.cli._help import split_examples
from blurdata.errors import SourceError
from blurdata.files import write_png

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


def test_examples_are_taken_out_of_the_docstring():
    """What is left has neither examples nor their heading, and each paragraph is one line."""
    examples, rest = split_examples("Do\nit.\n\nExamples:\n  blurdata a x\n\n  blurdata b --y z\n\nMore.")

    assert examples == ["blurdata a x", "blurdata b --y z"]
    assert rest == "Do it.\n\nMore."


@pytest.mark.parametrize("name", ["report", "audit", "blur"])
def test_a_negative_seed_is_wrong_usage(name):
    """No generator takes one, so the option says so."""
    result = run(name, "pairs:nowhere", "--out", "x", "--seed", "-1") if name != "audit" else run(name, "pairs:nowhere", "--seed", "-1")

    assert result.exit_code == 2
    assert "--seed" in result.output


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

    def broken(**_):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(cli, "build_app", lambda: broken)
    with pytest.raises(SystemExit) as end:
        cli.main()

    assert end.value.code == 1
    assert "BLURDATA_TRACEBACK=1" in capsys.readouterr().err


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(130)])
def test_stop_says_that_it_can_carry_on(monkeypatch, capsys, stop):
    """Ctrl-C ends with 130 and a sentence, whichever way typer reports it."""

    def stopped(**_):
        raise stop

    monkeypatch.setattr(cli, "build_app", lambda: stopped)
    with pytest.raises(SystemExit) as end:
        cli.main()

    assert end.value.code == 130
    assert "run the same command again" in capsys.readouterr().err


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.15])
def test_interrupt_while_the_command_is_imported(delay_s):
    """Ctrl-C before a command has begun, while it is still imported, ends it with 130 and one sentence too."""
    code = "import blurdata.interrupt as i, runpy; listen = i.listen\n"
    code += "def ready():\n    listen(); print('ready', flush=True)\n"
    code += "i.listen = ready\nrunpy.run_module('blurdata', run_name='__main__', alter_sys=True)"
    child = start("-c", code, "report", "pairs:nothing", "--out", "page.html")
    assert child.stdout.readline() == "ready\n"
    time.sleep(delay_s)
    _, said = interrupt(child)

    assert (child.returncode, said) == (130, "blurdata: stopped; nothing is half-written, run the same command again.\n")


@pytest.mark.parametrize("where", ["", "import blurdata.sources as s; s.open_source = lambda _: press()\n"])
def test_interrupt_that_a_callback_swallowed_is_one_still(where):
    """Where Python can raise nothing, as in callbacks of its import system, Ctrl-C is neither lost nor shown as a traceback."""
    code = "import runpy, signal, weakref\n"
    code += "from blurdata.interrupt import listen\nlisten()\nclass Thing: pass\n"
    code += "def press():\n    thing = Thing(); weakref.finalize(thing, signal.raise_signal, signal.SIGINT); del thing\n"
    code += where or "press()\n"
    code += "runpy.run_module('blurdata', run_name='__main__', alter_sys=True)"
    child = start("-c", code, "report", "pairs:nothing", "--out", "page.html")
    _, said = child.communicate(timeout=60)

    assert (child.returncode, said) == (130, "blurdata: stopped; nothing is half-written, run the same command again.\n")


def test_interrupt_that_python_wrapped_is_one_still(monkeypatch, capsys):
    """A Ctrl-C that Python turned into another error, as it does while a class is made, is no fault of the program."""

    def stopped(**_):
        raise RuntimeError("Error calling __set_name__") from KeyboardInterrupt()

    monkeypatch.setattr(cli, "build_app", lambda: stopped)
    with pytest.raises(SystemExit) as end:
        cli.main()

    assert end.value.code == 130
    assert "run the same command again" in capsys.readouterr().err


def test_interrupt_ends_a_running_command():
    """A real SIGINT ends a command that is waiting, quickly and without a traceback."""
    code = "import time, typer, blurdata.cli as c\n"
    code += "app = typer.Typer()\n@app.command()\ndef wait():\n    print('ready', flush=True); time.sleep(60)\n"
    code += "c.build_app = lambda: app\nc.main()"
    child = start("-c", code)
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.2)
    _, said = interrupt(child, timeout_s=20)

    assert child.returncode == 130
    assert said == "blurdata: stopped; nothing is half-written, run the same command again.\n"


def test_interrupt_after_the_result_changes_nothing(tmp_path):
    """Who presses Ctrl-C while Python takes itself down has the result, and the exit code says so."""
    code = "import atexit, sys, time, blurdata.__main__ as m\n"
    code += "sys.argv = ['blurdata', 'recipe', 'list']\n"
    code += "atexit.register(lambda: (print('leaving', flush=True), time.sleep(1)))\nm.main()"
    child = start("-c", code, cwd=tmp_path)
    while child.stdout.readline() not in ("leaving\n", ""):
        pass
    _, said = interrupt(child)

    assert child.returncode == 0
    assert "Traceback" not in said


def test_names_that_no_encoding_or_file_system_has_are_no_fault_of_ours(tmp_path):
    """What is printed of a folder whose name is no text is escaped, and a name that is too long is a short sentence."""
    strange = tmp_path / os.fsdecode(b"o\xff")
    strange.mkdir()

    printed = blurdata("clean", str(strange), environment={"PYTHONIOENCODING": "utf-8:strict"})
    refused = blurdata("clean", "x" * 5000)

    assert (printed.returncode, printed.stdout) == (0, f"{tmp_path}/o\\udcff: 0 leftovers removed\n")
    assert refused.returncode == 1
    assert "too long" in refused.stderr
    assert len(refused.stderr) < 200


def test_a_package_that_is_not_there_is_the_fault_of_the_installation(monkeypatch, capsys):
    """One sentence names the package and how to get it; it does not accuse this program."""

    def broken(**_):
        import there_is_no_such_package  # noqa: F401

    monkeypatch.setattr(cli, "build_app", lambda: broken)
    with pytest.raises(SystemExit) as end:
        cli.main()

    assert end.value.code == 1
    said = capsys.readouterr().err
    assert "there_is_no_such_package" in said
    assert "reinstall blurdata with pip" in said
    assert "fault of" not in said


@pytest.mark.parametrize(("value", "shown"), [("1", True), ("0", False), ("", False)])
def test_tracebacks_are_shown_on_demand(monkeypatch, value, shown):
    """0 switches them off, as everywhere."""

    def broken(**_):
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "build_app", lambda: broken)
    monkeypatch.setenv("BLURDATA_TRACEBACK", value)
    with pytest.raises(ZeroDivisionError if shown else SystemExit):
        cli.main()


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
    assert "is a folder" in str(run("recipe", "copy", "gopro", "--out", ".", "--overwrite").exception)


def test_errors_are_shown_as_they_are(monkeypatch, capsys):
    """The sentence of a data error reaches the person unchanged."""

    def broken(**_):
        raise SourceError("ride.mp4: holds no video; give another.")

    monkeypatch.setattr(cli, "build_app", lambda: broken)
    with pytest.raises(SystemExit):
        cli.main()

    assert capsys.readouterr().err == "blurdata: ride.mp4: holds no video; give another.\n"


def every_command():
    """(name, click command) of every command, those below others too."""
    for name, command in typer.main.get_command(build_app()).commands.items():
        below = getattr(command, "commands", None)
        yield from ((f"{name} {part}", one) for part, one in below.items()) if below else [(name, command)]


def test_options_mean_the_same_everywhere():
    """An option of one name is a flag in every command or in none, and takes as many processes where none are named."""
    kinds: dict = {}
    for name, command in every_command():
        for parameter in command.params:
            for option in getattr(parameter, "opts", []):
                if option.startswith("--"):
                    default = parameter.default if option == "--workers" else None
                    kinds.setdefault(option, {}).setdefault((parameter.is_flag, parameter.nargs, default), []).append(name)

    assert {option: uses for option, uses in kinds.items() if len(uses) > 1} == {}


def test_options_are_written_alike():
    """Options are lower case with hyphens, have a help text, and a unit where they measure something."""
    for name, command in every_command():
        for parameter in command.params:
            if parameter.param_type_name == "option" and parameter.name != "help":
                assert all(option == option.lower() and "_" not in option for option in parameter.opts), (name, parameter.opts)
                assert parameter.help, (name, parameter.opts)
            if parameter.param_type_name == "argument":
                assert parameter.help, (name, parameter.name)


def test_plain_progress_ends_with_all_of_it(monkeypatch, capsys):
    """Where stderr is no terminal, progress is plain lines with share and rate, the last of them 100 %, even if steps were skipped."""
    from blurdata import progress as module

    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with module.progress("packing", 4) as advance:
        advance()
        advance(2)
    lines = capsys.readouterr().err.splitlines()

    assert lines[0].startswith("packing: 25 %, 1/4 pairs,")
    assert "left" in lines[0]
    assert lines[-1].startswith("packing: 100 %, 4/4 pairs,")
    assert all("\r" not in line and "\x1b" not in line for line in lines)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(shell):
    """The completion source of a shell names the program and its completion variable."""
    result = blurdata("--show-completion", shell, environment={"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"})

    assert result.returncode == 0
    assert "_BLURDATA_COMPLETE" in result.stdout
    assert "blurdata" in result.stdout


def test_bash_completes_commands_and_options(tmp_path):
    """What bash gets to complete: commands that begin as typed, and the options of a command."""
    program = tmp_path / "blurdata"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m blurdata "$@"\n')
    program.chmod(0o755)
    source = blurdata("--show-completion", "bash", environment={"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}).stdout
    script = source + '\nfor words in "blurdata re" "blurdata report --fa"; do COMP_WORDS=($words); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); '
    script += "_blurdata_completion blurdata; echo ${COMPREPLY[@]}; done"
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    said = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=120, env={**os.environ, "PATH": path}
    ).stdout.splitlines()

    assert {"report", "reproduce", "recipe"} <= set(said[0].split())
    assert said[1].split() == ["--fail-on"]


def test_interrupt_ends_a_report_with_workers(tmp_path):
    """Ctrl-C while workers measure: exit code 130, one sentence, no page half-written, no traceback from any process."""
    rng = np.random.default_rng(0)
    for i in range(120):
        for half in ("blurry", "sharp"):
            write_png(tmp_path / "set" / half / f"{i}.png", rng.integers(0, 255, (240, 320, 3), dtype=np.uint8))
    child = start("-m", "blurdata", "report", "pairs:set", "--workers", "2", cwd=tmp_path)
    children = Path(f"/proc/{child.pid}/task/{child.pid}/children")
    end = time.monotonic() + 60
    while time.monotonic() < end and len(children.read_text().split()) < 2:  # until the workers' server and its tracker are there
        time.sleep(0.2)
    time.sleep(1)
    _, said = interrupt(child)

    assert child.returncode == 130
    assert said.splitlines()[-1] == "blurdata: stopped; nothing is half-written, run the same command again."
    assert "Traceback" not in said
    assert not (tmp_path / "report.html").exists()


def test_recipe_list_ends_no_sentence_halfway():
    """Every purpose in the list is a whole sentence."""
    for entry in json.loads(run("recipe", "list", "--json").stdout):
        assert entry["purpose"].endswith("."), entry
        assert entry["purpose"].count("(") == entry["purpose"].count(")"), entry


@pytest.mark.parametrize("name", COMMANDS)
def test_help_flows(name):
    """No paragraph of a help text keeps the line ends of its source, which would leave single words on lines of their own."""
    command = typer.main.get_command(build_app()).commands[name]

    assert [part for part in (command.help or "").split("\n\n") if "\n" in part] == []
