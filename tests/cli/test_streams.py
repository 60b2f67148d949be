"""What goes to which stream, and what a terminal, a pipe and a hurried reader get."""

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import in_own_process, tellapart

ANSI = re.compile(r"\x1b[\[\]()][0-9;?]*[A-Za-z]")
HEAVY = ("torch", "keras", "numpy", "sklearn", "PIL", "rich.progress")


def on_a_terminal(*arguments, columns=80, **environment):
    """Everything that the command writes to a terminal of that width."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "LINES": "40", "TERM": "xterm", **environment}
    command = [sys.executable, "-m", "tellapart", *map(str, arguments)]
    process = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower, env=environment)
    os.close(follower)
    written = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # Linux's way to say that the other end is closed
            break
        if not piece:
            break
        written += piece
    os.close(leader)
    assert process.wait(60) == 0
    return written.decode()


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import sys; from tellapart.cli.main import main; main(sys.argv[1:]); "
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


def test_help_answers_at_once():
    times = []
    for _ in range(3):
        began = time.perf_counter()
        assert in_own_process("--help").code == 0
        times.append(time.perf_counter() - began)
    assert min(times) < 0.5


@pytest.mark.parametrize(
    ("is_found", "folder", "called"),
    [(True, 1, "tellapart"), (False, 1, "bin/tellapart"), (False, 0, "./tellapart")],
)
def test_commands_to_copy_begin_with_what_the_shell_finds(is_found, folder, called):
    script = Path(sys.executable).parent / "tellapart"
    path = f"{script.parent}:/usr/bin" if is_found else "/usr/bin"
    done = subprocess.run(
        [script, "data", "get", "digits"],
        env={**os.environ, "PATH": path},
        cwd=script.parents[folder],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"Next: {called} train digits\n" in done.stdout


def test_recipes_named_in_the_help_are_the_recipes():
    from tellapart.recipes.recipes import RECIPES

    named = re.search(r"--recipe (\S+)", tellapart("train", "--help").out)[1]
    assert set(named.split("|")) == {"auto", *RECIPES}


def test_the_version_is_the_packages():
    import tellapart as package

    assert tellapart("--version").out == f"tellapart {package.__version__}\n"


def test_a_pipe_gets_no_color_and_only_very_long_names_are_shortened(run, tmp_path, folder):
    """Otherwise a name of 250 characters makes a table as wide; --json and --csv have it whole."""
    long_name = "a" * 200 + ".png"
    (tmp_path / long_name).write_bytes((folder / "dark" / "1.png").read_bytes())
    (tmp_path / "short.png").write_bytes((folder / "dark" / "1.png").read_bytes())
    result = in_own_process("predict", run, tmp_path / long_name, tmp_path / "short.png")
    assert long_name not in result.out
    assert "a.png" in result.out
    assert max(map(len, result.out.splitlines())) < 160
    assert not ANSI.search(result.out + result.err)


@pytest.mark.parametrize("command", ["doctor", "summary", "list", "show", "evaluate"])
def test_every_table_fits_80_columns(command, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    arguments = {
        "doctor": ["doctor"],
        "summary": ["summary", "first-cnn"],
        "list": ["data", "list"],
        "show": ["data", "show", "cifar100"],
        "evaluate": ["evaluate", run],
    }[command]
    lines = tellapart(*arguments).out.splitlines()
    assert max(map(len, lines)) <= 80 or "pytest" in max(lines, key=len)  # a long path is not broken


def unfolded(out):
    """The first column, its folded pieces put together again; and every line."""
    lines = out.splitlines()
    return "".join(line[1:10].strip() for line in lines), lines


def test_a_narrow_terminal_keeps_names_and_figures(run, folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    result = tellapart("predict", run, folder / "dark" / "0.png", folder / "dark" / "1.png")
    names, lines = unfolded(result.out)
    assert str(folder / "dark" / "0.png") in names
    assert str(folder / "dark" / "1.png") in names
    assert sum(bool(re.search(r"\d+\.\d%", line)) for line in lines) == 2
    assert "A wider terminal also shows:" in result.out
    assert max(map(len, lines)) <= 30


def test_a_narrow_terminal_keeps_the_layers_names_and_parameters(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    out = tellapart("summary", "quick").out
    assert "conv2d" in out
    assert "1,180,160" in out
    assert "…" not in out
    assert "A wider terminal also shows: fast path" in out


def test_a_wide_table_leaves_nothing_out(run, folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert "A wider terminal" not in tellapart("predict", run, folder).out
    assert "A wider terminal" not in tellapart("summary", "quick").out


def test_a_training_on_a_terminal_shows_bars_and_fits_80_columns():
    screen = on_a_terminal(
        "train", "digits", "--recipe", "quick", "--epochs", "2", "--size", "16", "--out", "run"
    )
    assert "Epoch 1/2" in screen
    assert "Run" in screen
    assert "\x1b[?25h" in screen  # the cursor is back
    plain = ANSI.sub("", screen)
    assert max(len(line) for line in re.split(r"[\r\n]+", plain)) <= 80


def test_no_color_is_honored():
    colored, plain = on_a_terminal("data", "list"), on_a_terminal("data", "list", NO_COLOR="1")
    assert re.search(r"\x1b\[[0-9;]*m", colored)
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", plain)


def test_a_reader_who_leaves_early_is_no_error(run, folder):
    command = (
        f"{sys.executable} -m tellapart predict {run} {folder} --csv - | head -1; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "picture,predicted,familiar,novelty,novelty_limit,dark,light"
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_other_packages_warnings_are_kept_back(pictures):
    """A whole training in a process of its own writes nothing to stderr but what we say."""
    result = in_own_process(
        "train", pictures, "--recipe", "quick", "--epochs", "1", "--size", "16", "--quiet"
    )
    assert result.code == 0
    assert result.err == ""


def test_json_keeps_progress_off_stdout(pictures):
    result = tellapart("train", pictures, "--recipe", "quick", "--epochs", "1", "--size", "16", "--json")
    assert result.json["history"]
    assert "val_accuracy" in result.err
