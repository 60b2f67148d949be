"""The command line: which commands there are, and what becomes of errors.

Each command is a file of this room and one entry in `COMMANDS` or `DATA_COMMANDS`: it parses, calls the API,
and has `terminal/` print. Nothing heavy is imported before a command runs, so `--help` answers at once.
Results go to stdout, everything else to stderr; exit codes are those of `errors`.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from tellapart import __version__
from tellapart.cli.adopt import adopt
from tellapart.cli.augment import augment
from tellapart.cli.bench import bench
from tellapart.cli.check import check
from tellapart.cli.completion import attach
from tellapart.cli.data import get, list_sets, shard, show
from tellapart.cli.demo import demo
from tellapart.cli.doctor import doctor
from tellapart.cli.evaluate import evaluate
from tellapart.cli.explain import explain
from tellapart.cli.export import export
from tellapart.cli.learn import learn
from tellapart.cli.modernize import modernize
from tellapart.cli.predict import predict
from tellapart.cli.report import report
from tellapart.cli.runs import runs
from tellapart.cli.serve import serve
from tellapart.cli.summary import summary
from tellapart.cli.terminal import console
from tellapart.cli.terminal.quiet import silence_libraries
from tellapart.cli.terminal.unquoted import unquoted_name
from tellapart.cli.train import train
from tellapart.cli.tune import tune
from tellapart.errors import TellapartError
from tellapart.keras_backend import leave_out_optional

COMMANDS: dict[str, Callable[..., None]] = {
    "demo": demo,
    "check": check,
    "augment": augment,
    "train": train,
    "tune": tune,
    "evaluate": evaluate,
    "predict": predict,
    "explain": explain,
    "export": export,
    "serve": serve,
    "report": report,
    "runs": runs,
    "summary": summary,
    "adopt": adopt,
    "learn": learn,
    "modernize": modernize,
    "doctor": doctor,
    "bench": bench,
}
"""In the order of `tellapart --help`."""

DATA_COMMANDS: dict[str, Callable[..., None]] = {"list": list_sets, "show": show, "get": get, "shard": shard}
"""Of `tellapart data`."""


def _group(commands: dict[str, Callable[..., None]], **settings: Any) -> typer.Typer:
    group = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        **settings,
    )
    for name, command in commands.items():
        group.command(name)(command)
    return group


attach()
app = _group(
    COMMANDS,
    name="tellapart",
    help="Teach a computer to tell pictures apart. To get started, run: tellapart demo",
)
app.add_typer(
    _group(DATA_COMMANDS, help="List, show and download known data sets; write any data as shards."),
    name="data",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        console.say(f"tellapart {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    silence_libraries()
    leave_out_optional()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code to leave with."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    console.let_streams_print_anything()
    code = _run(given, as_json)
    if code and (said := unquoted_name(given)):
        console.note(said, "yellow")
    return code


def _run(given: list[str], as_json: bool) -> int:
    try:
        code = app(args=given, standalone_mode=False, prog_name="tellapart")
        sys.stdout.flush()
    except TellapartError as error:
        return console.report_error(error, as_json)
    except BrokenPipeError:
        return console.leave_broken_pipe()
    except OSError as error:
        return console.report_system_error(error, as_json)
    except (KeyboardInterrupt, typer.Abort):
        console.note("Interrupted.")
        return 130
    except Exception as error:
        if hasattr(error, "show") and hasattr(error, "format_message"):
            return _report_usage(error, as_json)
        return console.report_bug(error, as_json)
    return code if isinstance(code, int) else 0


def _report_usage(error: Any, as_json: bool) -> int:
    """A command line that cannot be parsed, in click's words: usage, hint, error."""
    error.show()
    if as_json:
        console.say_error("UsageError", error.format_message(), error.exit_code)
    return int(error.exit_code)
