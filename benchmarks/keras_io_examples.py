"""The vision examples of keras.io, trained by Keras and by `tellapart.fit`: weights, layers on the fast path, speed.

    python benchmarks/keras_io_examples.py --source KERAS_IO --into FOLDER [--only NAME ...] [--no-times]

KERAS_IO is a checkout of github.com/keras-team/keras-io or a git directory of it. Each example's own text runs in
a process of its own and an empty folder, on the torch backend. Its downloads are replaced (`keras_io/stand_ins.py`)
and its calls of `fit` are compared (`keras_io/comparison.py`): three batches from the same weights by Keras, by
Keras from weights 1e-7 away (the control), and by tellapart. Batches are cut to what a small machine computes in
a fraction of a second; sizes of pictures and networks are the example's. TensorFlow must be installed beside
PyTorch, since most examples read their data with it.

FOLDER keeps one JSON file for each example: a run that is cut short goes on with those that are missing, and
--only runs some again. Without --only, the table is written to benchmarks/results/ once all have their files.
"""

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from machine import hardware, origin_lines, table, versions, write_results

HERE = Path(__file__).parent
EXAMPLES = "examples/vision/"

LOCAL_FOLDER = re.compile(r"(?<![\w:/.~])/(?:[\w.+-]+/)+")
"""Where a file lies on this machine, which is nobody's business."""

CAUSES = (
    (r"No module named '([\w.]+)'", r"needs the package `\1`, which is not installed"),
    (r"cannot import name '(\w+)'", r"imports `\1`, which its package no longer has"),
    (r"No stand-in for the (.*)", r"no stand-in for the \1"),
    (r"KerasTensor cannot be used as input to a TensorFlow", "calls TensorFlow operations on Keras tensors"),
    (r"from_preset\(\)` requires", "loads a pretrained backbone, for which there is no stand-in"),
    (r"URL fetch failure on (\S+?):", r"downloads \1, for which there is no stand-in"),
    (r"executing an HTTP", "downloads its records, for which there is no stand-in"),
    (r"No such file or directory: ''", "reads a folder for which there is no stand-in"),
    (r"No such file or directory: '([^']+)'", r"reads `\1`, for which there is no stand-in"),
    (r"symbolic tf.Tensor", "its `tf.data` pipeline calls Keras operations, which run on torch"),
    (r"InvalidArgumentError|Attempt to convert a value \(tensor", "calls TensorFlow operations on torch tensors"),
    (r"requires grad|Can't call numpy\(\)|EagerTensor", "mixes TensorFlow operations with torch tensors"),
    (r"in user code:", "its `tf.data` pipeline calls Keras operations, which run on torch"),
    (r"has no attribute '(\w+)'", r"uses `\1`, which Keras 3 on torch does not have"),
)  # fmt: skip
"""Pattern of an error -> cause, in words; anything else is quoted."""


def main():
    options = parsed()
    options.into.mkdir(parents=True, exist_ok=True)
    record = {
        "hardware": hardware(),
        "versions": versions(),
        "command": "python benchmarks/keras_io_examples.py --source KERAS_IO --into FOLDER",
    }
    with tempfile.TemporaryDirectory() as folder:
        names, record["commit"] = unpacked(options.source, Path(folder))
        chosen = options.only or [name for name in names if not (options.into / f"{name}.json").exists()]
        if chosen:
            run([Path(folder) / f"{name}.py" for name in chosen], options)
    if options.only:
        return
    results = {name: options.into / f"{name}.json" for name in names}
    missing = [name for name, path in results.items() if not path.exists()]
    if missing:
        print(f"{len(missing)} examples have not run yet: {', '.join(missing)}")
        return
    record["examples"] = [json.loads(path.read_text()) for path in results.values()]
    for result in record["examples"]:
        result.pop("traceback", None)
        result["error"] = LOCAL_FOLDER.sub("", result["error"] or "") or None
    now = datetime.datetime.now(datetime.UTC)
    write_results(HERE / "results", "keras_io_examples", now, page(record, now), record)


def parsed():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[], help="names of examples, without .py")
    parser.add_argument("--limit", type=int, default=180, help="seconds for one example (default: 180)")
    parser.add_argument("--no-times", action="store_true", help="compare weights only")
    return parser.parse_args()


def unpacked(source, folder):
    """Copy the examples into `folder`; return their names and the commit."""
    git = ["git", f"--git-dir={source / '.git' if (source / '.git').exists() else source}"]

    def ask(*words):
        return subprocess.run([*git, *words], check=True, capture_output=True, text=True).stdout

    paths = ask("ls-tree", "--name-only", "HEAD", EXAMPLES).splitlines()
    paths = [path for path in paths if path.endswith(".py")]
    for path in paths:
        (folder / Path(path).name).write_text(ask("show", f"HEAD:{path}"))
    return [Path(path).stem for path in paths], ask("log", "-1", "--format=%H, %as").strip()


def run(examples, options):
    """Run the examples in one process that forks; it writes each result as it goes."""
    command = [
        sys.executable,
        HERE / "keras_io" / "worker.py",
        "--into",
        options.into,
        "--limit",
        str(options.limit),
    ]
    command += ["--no-times"] * options.no_times
    subprocess.run(
        [*map(str, command), *map(str, examples)], check=True, env=os.environ | {"KERAS_BACKEND": "torch"}
    )


def page(record, now):
    """Return the results as Markdown."""
    examples = record["examples"]
    pairs = [(result, fit) for result in examples for fit in result["fits"]]
    kept = sorted(
        (pair for pair in pairs if "weights" in pair[1]), key=lambda pair: pair[0]["example"].lower()
    )
    alone = [alone_row(*pair) for pair in pairs if "keras_fails" in pair[1]]
    missing = [result for result in examples if not result["fits"] and not is_slow(result)]
    lines = [
        f"# The vision examples of keras.io under `tellapart.fit`, {now:%Y-%m-%dT%H:%M}+00:00",
        "",
        *opening(examples, pairs, kept, missing),
        "",
        table([weights_row(*pair) for pair in kept], WEIGHT_COLUMNS),
        "",
        "## Trained by `tellapart.fit`, not by Keras on torch",
        "",
        table(alone, ["example", "lowered", "Keras"]),
        "",
        "## Left to Keras within the compared networks",
        "",
        table(left_rows(kept), ["layer", "count", "examples"]),
        "",
        "## Not run",
        "",
        table([{"example": title(r), "cause": cause(r)} for r in missing], ["example", "cause"]),
        "",
        f"- Source: github.com/keras-team/keras-io, commit {record['commit']}",
        *origin_lines(record),
    ]
    return "\n".join(lines)


def opening(examples, pairs, kept, missing):
    """Return the lines above the table: how many, what the columns say, what is off."""
    own = titles(pair for pair in pairs if pair[1]["own_train_step"])
    slow = [title(result) for result in examples if is_slow(result)]
    loads = [fit["load"] for _, fit in kept if "load" in fit] or [0.0]
    return [
        f"{len(examples)} examples. {len(titles(kept))} train through Keras's own steps and are compared below. "
        f"{len(own)} bring a `train_step` of their own that runs on torch, where `tellapart.fit` says so and calls "
        f"Keras's own `fit` ({', '.join(own) or 'none'}). {len(slow)} take longer than the limit here "
        f"({', '.join(slow) or 'none'}). {len(missing)} do not train under Keras on torch, for the causes below.",
        "",
        "Weights: distance from Keras's weights after three batches, as a share of their size. Control: the same "
        "for Keras itself, from weights 1e-7 away. Dropout: off, where its masks differ from Keras's, so that the "
        "weights are compared with all rates at 0. Speed: Keras's median time for a step divided by tellapart's, "
        f"measured in turn. The machine's load meanwhile was {min(loads):.1f} to {max(loads):.1f}, of which the "
        "benchmark makes 1: read the speeds as rough. A control above 1e-4 (batch statistics of two rows, say) "
        "means that training amplifies rounding so much that weights prove little.",
        "",
        "Farther from Keras than three times the control and one rounding of float32 (1.2e-7): "
        f"{', '.join(titles(pair for pair in kept if not pair[1]['equal'])) or 'none'}.",
    ]


def left_rows(kept):
    """Return a row for each kind of layer that runs as itself: how often, in how many examples."""
    counts, users = Counter(), {}
    for result, fit in kept:
        for kind in (kind for _, kind, lowered in fit["layers"] if not lowered):
            counts[kind] += 1
            users.setdefault(kind, set()).add(title(result))
    return [{"layer": k, "count": n, "examples": len(users[k])} for k, n in counts.most_common()]


def title(result):
    return result["example"].removesuffix(".py")


def titles(pairs):
    """Return the examples of pairs of a result and a fit, each once."""
    return list(dict.fromkeys(title(result) for result, _ in pairs))


def is_slow(result):
    return not result["fits"] and (result["error"] or "").startswith("not done within")


WEIGHT_COLUMNS = ["example", "network", "rows", "weights", "control", "dropout", "lowered", "speed"]


def weights_row(result, fit):
    own = fit["rows_of_the_example"]
    lowered = sum(lowered for *_, lowered in fit["layers"])
    return {
        "example": title(result),
        "network": f"{fit['kind']}, {fit['parameters']:,} parameters",
        "rows": fit["rows"] if fit["rows"] == own else f"{fit['rows']} of {own}",
        "weights": f"{fit['weights']['ours']:.1e}" if fit["weights"]["ours"] else "0",
        "control": f"{fit['weights']['control']:.1e}",
        "dropout": "off" if "with_masks" in fit else "as it is",
        "lowered": f"{lowered} of {len(fit['layers'])}",
        "speed": f"{fit['speedup']:.2f}x" if "speedup" in fit else "not timed",
    }


def alone_row(result, fit):
    lowered = f"{sum(lowered for *_, lowered in fit['layers'])} of {len(fit['layers'])}"
    return {"example": title(result), "lowered": lowered, "Keras": in_a_cell(fit["keras_fails"])}


def cause(result):
    """Return why an example was not compared."""
    error = result.get("error")
    if result.get("uses_gradient_tape"):
        return "computes gradients with `tf.GradientTape`, which knows no torch"
    if not error:
        return "was stopped" if result["fit_reached"] else "makes no call of `fit`"
    for pattern, words in CAUSES:
        if match := re.search(pattern, error):
            return match.expand(words)
    line = result.get("error_line")
    return in_a_cell(error) + (f" (line {line})" if line else "")


def in_a_cell(text):
    return " ".join(text.split())[:160].replace("|", "/")


if __name__ == "__main__":
    main()
