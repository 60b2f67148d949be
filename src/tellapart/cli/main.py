"""The command line: parse, call the API, print. Settings live in recipes, not here.

Nothing heavy is imported before a command runs, so `--help` answers at once.
Results go to stdout, everything else to stderr; exit codes are those of `errors`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from tellapart import __version__
from tellapart.cli import options
from tellapart.cli.terminal import console
from tellapart.cli.terminal.startup import importing
from tellapart.cli.terminal.unquoted import unquoted_name
from tellapart.errors import ConfigError, DataError, TellapartError

app = typer.Typer(
    name="tellapart",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Teach a computer to tell pictures apart. Begin with: tellapart demo",
)
data_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List, show and download known sets of pictures."
)
app.add_typer(data_app, name="data")


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
    from tellapart.cli.terminal.quiet import silence_libraries

    silence_libraries()


@app.command()
def train(
    data: options.TrainData = None,
    recipe: options.Recipe = None,
    target: options.Target = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    seed: options.Seed = None,
    no_augment: options.NoAugment = False,
    precision: options.PrecisionOption = None,
    resume: options.Resume = None,
    size: options.Size = None,
    policy: options.PolicyOption = None,
    validation_share: options.ValidationShare = None,
    test_share: options.TestShare = None,
    labels: options.Labels = None,
    predictions: options.Predictions = None,
    out: options.Out = None,
    save_to: options.SaveTo = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a classifier on labelled pictures.

    It is scored on the test pictures at the end; everything is saved in a run folder.
    """
    with importing():
        from tellapart.cli.train import train_and_report

    options.refuse_empty(data)
    changes = {
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": seed,
        "precision": precision and precision.value,
        "size": size and options.parse_size(size),
        "policy": policy and policy.value,
        "validation_share": validation_share,
        "test_share": test_share,
        "predictions": predictions,
    }
    aim = None if target is None else options.parse_target(target)
    given = {
        "recipe": recipe,
        "target": aim,
        "out": out,
        "resume": resume,
        "labels": labels,
        "augment": not no_augment,
    }
    code = train_and_report(data, {**given, **changes}, save_to=save_to, as_json=as_json, quiet=quiet)
    raise typer.Exit(code)


@app.command()
def evaluate(
    model: options.Model,
    data: options.EvaluateData = None,
    split: options.SplitOption = None,
    labels: options.Labels = None,
    precision: options.ScorePrecision = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score a model on labelled pictures.

    Accuracy with its 95% interval, each class's precision and recall, and what is taken for what.
    """
    with importing():
        from tellapart.api import train as api
        from tellapart.cli import predict as reports
        from tellapart.cli.terminal.progress import ProgressListener

    options.refuse_empty(data)
    reports.note_taken_name(model)
    with ProgressListener(quiet=quiet) as listener:
        evaluation = api.evaluate(
            model,
            data,
            split=split and split.value,
            labels=labels,
            listener=listener,
            precision=precision and precision.value,
        )
    if as_json:
        console.say_json({"model": str(model), **evaluation.to_dict()})
    else:
        reports.report_evaluation(evaluation)


@app.command()
def predict(
    pictures: options.ModelAndPictures,
    top: options.Top = None,
    precision: options.PredictionPrecision = options.Precision.FLOAT32,
    csv: options.Csv = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Name what is on pictures: `predict [MODEL] PICTURE...`.

    Without a model, the CIFAR-10 classifier that comes along answers.
    JSON and CSV carry the probability of every class, unless --top is given.
    """
    with importing():
        from tellapart.api import predict as predicting
        from tellapart.api import train as api
        from tellapart.cli import predict as reports
        from tellapart.cli.terminal.progress import ProgressListener

    options.refuse_two_outputs(csv, as_json)
    reports.note_taken_name(pictures[0])
    model, pictures = predicting.model_and_pictures(pictures)
    classifier = api.load(model)
    files, left_out = predicting.pictures_meant(pictures)
    reports.note_left_out(left_out)
    count = top if csv or as_json else top or options.CLASSES_SHOWN
    with ProgressListener(quiet=quiet) as listener:
        answers = predicting.predict_all(classifier, files, count, listener.decoding, precision.value)
    reports.report_answers(answers, model, csv, as_json)
    raise typer.Exit(answers.exit_code({str(path) for path in pictures}))


@app.command()
def explain(
    pictures: options.ModelAndPictures,
    classes: options.Asked = None,
    out: options.PagesOut = Path("explanations"),
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show a network's run over pictures, and why it answers so: `explain [MODEL] PICTURE...`.

    A page for each picture. Given a run folder for MODEL, training pictures are shown too.
    Without a model, the CIFAR-10 classifier that comes along answers.
    """
    with importing():
        from tellapart.api import predict as predicting
        from tellapart.api import train as api
        from tellapart.cli import explain as explained
        from tellapart.cli import predict as reports
        from tellapart.cli.terminal.progress import ProgressListener

    reports.note_taken_name(pictures[0])
    model, pictures = predicting.model_and_pictures(pictures, "explain")
    files, left_out = predicting.pictures_meant(pictures)
    reports.note_left_out(left_out)
    with ProgressListener(quiet=quiet) as listener:
        pages, unreadable = api.explain_pictures(
            model, files, out=out, classes=classes or (), listener=listener
        )
    explained.report_pages(model, pages, unreadable, as_json)
    raise typer.Exit(0 if not unreadable else DataError.exit_code)


@app.command()
def summary(
    model: options.ModelOrRecipe,
    size: options.SummarySize = None,
    channels: options.Channels = None,
    classes: options.Classes = None,
    as_json: options.Json = False,
) -> None:
    """Show a network layer by layer.

    Shapes, parameters and arithmetic; a recipe's settings, or where a model comes from.
    """
    with importing():
        from tellapart.cli import predict as reports
        from tellapart.profiling.summary import describe

    reports.note_taken_name(model)
    shape = None if size is None else options.parse_size(size)
    description = describe(model, size=shape, channels=channels, classes=classes)
    if as_json:
        console.say_json(description.to_dict())
    else:
        reports.report_summary(description)


@app.command()
def report(
    runs: options.Runs,
    compare: options.Compare = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a training's report anew: one HTML file in its run folder.

    With --compare, tell instead which of several runs is better, and whether that may be chance.
    """
    with importing():
        from tellapart.api import train as api
        from tellapart.cli import report as report_lines
        from tellapart.cli.terminal.progress import ProgressListener

    if compare:
        told = api.compare(runs)
        console.say_json(told) if as_json else report_lines.report_comparison(told)
        return
    if len(runs) != 1:
        raise ConfigError("A report is of one run. To hold several against each other, add --compare.")
    with ProgressListener(quiet=quiet) as listener:
        made = api.write_report(runs[0], listener=listener)
    if as_json:
        console.say_json({"page": str(made.path), **made.facts})
    else:
        report_lines.report_page(made)


@app.command()
def demo(out: options.Out = None, as_json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Train on handwritten digits: a minute, no download.

    The 1,797 digits come along with scikit-learn.
    """
    from tellapart.recipes.recipes import DEMO_EPOCHS

    with importing():
        from tellapart.cli.train import train_and_report

    settings = {"out": out, "epochs": DEMO_EPOCHS}
    raise typer.Exit(train_and_report("digits", settings, as_json=as_json, quiet=quiet, is_demo=True))


@app.command()
def learn(
    port: options.Port = None,
    no_browser: options.NoBrowser = False,
    write: options.WriteGuide = None,
) -> None:
    """Open the guide in a browser: how a computer tells pictures apart.

    One page a concept, with something to move on each; served from this machine to this machine.
    """
    from tellapart.cli import learn as guide

    if write is not None:
        guide.write(write)
    else:
        guide.serve(port, opens_browser=not no_browser)


@app.command()
def doctor(again: options.Again = False, as_json: options.Json = False) -> None:
    """Say what this machine has, and what it lacks."""
    from tellapart.cli import data as sets_and_machine
    from tellapart.profiling import doctor as doctors

    findings = doctors.examine(again)
    if as_json:
        rows = [finding.to_dict() for finding in findings]
        console.say_json({"well": doctors.is_well(findings), "findings": rows})
    else:
        sets_and_machine.report_findings(findings)
    raise typer.Exit(0 if doctors.is_well(findings) else 1)


@app.command()
def bench(
    recipe: options.BenchRecipe = "fast",
    batch_size: options.BatchSize = None,
    seconds: options.Seconds = None,
    as_json: options.Json = False,
) -> None:
    """Time a recipe's training on this machine, piece by piece.

    And say how near to the ceiling, what matrix products reach, its steps come.
    """
    from tellapart.cli import bench as bench_report
    from tellapart.profiling import bench as benches
    from tellapart.recipes.recipes import find_recipe

    run = find_recipe(recipe)().changed(batch_size=batch_size)
    timings = benches.measure(run, benches.SECONDS if seconds is None else seconds)
    if as_json:
        console.say_json(timings.to_dict())
    else:
        bench_report.report_timings(timings)


@data_app.command("list")
def data_list(as_json: options.Json = False) -> None:
    """The known sets, and which are on this machine."""
    from tellapart.cli import data as sets_and_machine

    sets_and_machine.report_sets(as_json)


@data_app.command("show")
def data_show(name: options.SetOrFolder, as_json: options.Json = False) -> None:
    """One known set, or a folder of your own: classes and their pictures."""
    from tellapart.cli import data as sets_and_machine

    options.refuse_empty(name)
    sets_and_machine.report_set(name, as_json)


@data_app.command("get")
def data_get(name: options.SetName, as_json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Download a known set; a download that was stopped is continued."""
    from tellapart.cli import data as sets_and_machine

    sets_and_machine.get_set(name, as_json, quiet)


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
