"""A training to which something happens, brought to its end afterwards and compared with an uninterrupted one."""

import shutil
import time

import numpy as np
from training_process import OPERATIONS, Training, import_what_it_imported, operations_in, result_of, words_of

EACH_STEP, AS_USUAL = -1.0, None
"""Seconds between two checkpoints."""


class Uninterrupted:
    """What a training of a recipe comes to, and how long it takes."""

    def __init__(self, recipe, folder):
        """Train twice: both must come to the same."""
        run = folder / f"uninterrupted-{recipe}"
        results = []
        for name, pause in (("a", AS_USUAL), ("b", EACH_STEP)):
            began = time.perf_counter()
            training = Training((*words_of(recipe, folder), "--out", run / name), pause=pause).end()
            if training.code != 0:
                raise SystemExit(training.output)
            import_what_it_imported(training)
            self.seconds = time.perf_counter() - began
            results.append(result_of(run / name))
        assert results[0] == results[1]
        self.result, self.steps = results[1], len(training.steps)
        self.first_epoch = next(event[1] for event in training.events if event[0] == "epoch")
        self.saves = training.count("save")
        times = [event[1] for event in training.events if event[0] in ("save", "saved")]
        self.save_seconds = float(np.mean(np.diff(times)[::2]))
        shutil.rmtree(run)


class Case:
    """A training that is stopped by something, maybe again where it is resumed, and at last brought to its end."""

    may_lack = ()
    """Beginnings of the names of files that need not be there in the end."""

    def __init__(self, number, kind, recipe, folder, whole, data=None):
        """Prepare it; `data` is the folder of `make_data` where that is not `folder`."""
        self.told = {"number": number, "kind": kind, "recipe": recipe, "kills": [], "fault": ""}
        self.words, self.whole = words_of(recipe, data or folder), whole
        self.run = folder / f"run-{number}"
        self.reached = self.saved = self.again = self.unsaved = 0
        self.per_epoch = whole.steps // 3

    def start(self, pause, **named):
        """Begin, go on, or begin anew, as what is in the folder wants it."""
        self.resumes = (self.run / "run.toml").exists()
        words = (
            ("train", "--resume", self.run, "--quiet") if self.resumes else (*self.words, "--out", self.run)
        )
        return Training(words, pause=pause, **named)

    def take_in(self, training):
        """Note what an ended training did."""
        steps = [epoch * self.per_epoch + step for epoch, step in training.steps]
        if steps:
            if steps != list(range(steps[0], steps[0] + len(steps))):
                self.told["fault"] += f"steps out of order: {steps}; "
            if steps[0] < self.saved:
                self.told["fault"] += f"went on at step {steps[0]} although step {self.saved} was saved; "
            self.again = max(self.again, self.reached - steps[0])
            self.reached = steps[-1] + 1
        for _, _, epoch, step in (event for event in training.events if event[0] == "saved"):
            self.saved = epoch * self.per_epoch + step
        if training.was_killed:
            what = "resume" if self.resumes else "train"
            self.told["kills"].append(what + " in a save" * training.ended_in_save)
            self.unsaved = max(self.unsaved, training.seconds_unsaved)

    def finish(self):
        """Bring it to its end, and compare; return what there is to tell."""
        training = self.start(EACH_STEP).end()
        self.take_in(training)
        how = "resumed" if self.resumes else "begun anew"
        if training.code != 0:
            self.told["fault"] += f"{how}, it ended with {training.code}: {training.output}"
        else:
            self._compare(result_of(self.run), how)
        self.told |= {"how": how, "steps_again": self.again, "seconds_again": round(self.unsaved, 3)}
        if not self.told["fault"]:
            shutil.rmtree(self.run, ignore_errors=True)
        return self.told

    def _compare(self, result, how):
        expected = self.whole.result
        differ = [name for name in expected if name != "files" and result[name] != expected[name]]
        files, all_files = set(result["files"]), set(expected["files"])
        lost = {name for name in all_files - files if not name.startswith(tuple(self.may_lack))}
        for what, names in (("differ", differ), ("are too many", files - all_files), ("are missing", lost)):
            if names:
                self.told["fault"] += f"{how}, its {', '.join(sorted(names))} {what}; "


def watched(recipe, folder):
    """Return the operations of a training up to its second save, at the first epoch's end, and from its last save on.

    Of a transfer, those from its last save on.
    """
    run, trace = folder / "watched", folder / "trace"
    arguments = ["-y", "-s0", "-o", str(trace), "-e", "signal=none", "-e", f"trace={','.join(OPERATIONS)}"]
    training = Training((*words_of(recipe, folder), "--out", run), pause=EACH_STEP, traced=arguments).end()
    assert training.code == 0, training.output
    operations = operations_in(trace, run)
    shutil.rmtree(run)
    ends = [
        n + 2  # after the folder is flushed
        for n, (call, _, place) in enumerate(operations)
        if call == "rename" and place == "last-new.safetensors"
    ]
    of_end = operations[ends[-2] :]
    if recipe == "transfer":
        return of_end
    saves = [
        n
        for n, event in enumerate(e for e in training.events if e[0] in ("saved", "epoch"))
        if event[0] == "epoch"
    ]
    first = saves[0]  # saves before the first epoch's end
    return [*operations[: ends[1]], *operations[ends[first - 1] : ends[first] + 4], *of_end]
