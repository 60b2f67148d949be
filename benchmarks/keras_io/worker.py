"""Run examples of keras.io, each in an empty folder, their downloads replaced, their calls of `fit` compared.

    python benchmarks/keras_io/worker.py --into FOLDER [--no-times] EXAMPLE.py ...

Each runs in a process of its own, forked from one that has imported the libraries. It writes its result as it
goes, so that one which is cut short leaves what it has.
"""

import argparse
import faulthandler
import inspect
import json
import os
import re
import signal
import tempfile
import traceback
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import comparison
import keras
import stand_ins

TODAY = (
    (r"from tensorflow import keras", "import keras"),
    (r"from tensorflow\.keras", "from keras"),
    (r"import tensorflow\.keras", "import keras"),
    (r"optimizers\.experimental\b", "optimizers"),
    (r"\bimage=images\b", "images=images"),
    (r"\bnew_shape=", "newshape="),
    (r"/tmp/\.keras/datasets/", ""),
    (r"os\.environ\[.KERAS_BACKEND.\] *=.*", "pass"),
    (r"^[!%].*$", ""),
)
"""Spellings of older Keras, commands of notebooks and fixed folders, as they are read here."""

FITS_AT_MOST = 2


class EnoughError(Exception):
    """The example's models have been compared; the rest of the script is not needed."""


class Recorder:
    """Stands in for `Model.fit`."""

    def __init__(self, result, save, timed):
        self.result, self.save, self.timed = result, save, timed
        self.known = set()

    def fit(self, model, *args, **kwargs):
        del keras.Model.fit, keras.Model.evaluate  # so that both engines find Keras's own
        try:
            return self.compare(model, *args, **kwargs)
        finally:
            self.install()

    def install(self):
        """Take the place of `Model.fit`."""
        keras.Model.fit = lambda model, *args, **kwargs: self.fit(model, *args, **kwargs)
        keras.Model.evaluate = lambda model, *args, **kwargs: comparison.evaluate(model, *args, **kwargs)

    def compare(self, model, *args, **kwargs):
        given = inspect.signature(comparison.KERAS_FIT).bind(model, *args, **kwargs).arguments
        self.result["fit_reached"] = True
        self.save()
        facts, history = comparison.compare(
            model,
            given.get("x"),
            given.get("y"),
            given.get("sample_weight"),
            given.get("batch_size"),
            given.get("class_weight"),
            timed=self.timed,
        )
        kind = facts["kind"], facts["parameters"], facts["own_train_step"]
        if kind not in self.known:
            self.known.add(kind)
            self.result["fits"].append(facts)
            self.save()
        if len(self.known) >= FITS_AT_MOST:
            raise EnoughError
        history.history |= {f"val_{name}": values for name, values in history.history.items()}
        return history


def main():
    options = parsed()
    import tensorflow  # noqa: F401 - once, before the examples' processes are forked

    for example in options.examples:
        place = options.into / f"{example.stem}.json"
        with tempfile.TemporaryDirectory() as folder:
            child = os.fork()
            if not child:
                signal.alarm(options.limit)
                compare_in(Path(folder), example.absolute(), place.absolute(), timed=not options.no_times)
            _, status = os.waitpid(child, 0)
        result = json.loads(place.read_text())
        if status:
            late = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM
            result["error"] = (
                f"not done within {options.limit} s" if late else f"the process ended with {status}"
            )
            place.write_text(json.dumps(result))
        print(
            f"{example.stem}: {len(result['fits'])} compared; {result['error'] or 'done'}"[:300], flush=True
        )


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("examples", type=Path, nargs="+")
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=180, help="seconds for one example")
    parser.add_argument("--no-times", action="store_true")
    return parser.parse_args()


def compare_in(folder, example, place, *, timed):
    """Run one example in an empty folder, and end this process."""
    faulthandler.register(signal.SIGALRM, chain=True)  # a run that takes too long shows where it was
    log = os.open(place.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(folder)
    result = {"example": example.name, "fits": [], "fit_reached": False, "error": None}

    def save():
        place.write_text(json.dumps(result))

    save()
    try:
        execute(example, Recorder(result, save, timed))
    except EnoughError:
        pass
    except BaseException as error:  # whatever an example raises is its result
        result["error"] = f"{type(error).__name__}: {error}"[:600]
        frames = traceback.extract_tb(error.__traceback__)
        result["error_line"] = next((f.lineno for f in reversed(frames) if f.filename == str(example)), None)
        result["traceback"] = traceback.format_exc()[-3000:]
    save()
    os._exit(0)


def execute(example, recorder):
    """Run the example's own text, in today's spelling."""
    text = example.read_text()
    recorder.result["uses_gradient_tape"] = "GradientTape" in text
    for old, new in TODAY:
        text = re.sub(old, new, text, flags=re.MULTILINE)
    stand_ins.install(text)
    recorder.install()
    exec(compile(text, str(example), "exec"), {"__name__": "__main__", "__file__": str(example)})


if __name__ == "__main__":
    main()
