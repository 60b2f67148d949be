"""NaN and infinity put into small trainings: gone on with from a finite state, or stopped; the best is kept and scored.

    python benchmarks/faults/divergence.py [--cases 30] [--first 0] [--dry]

Each case is a function of its number: SGD, RMSprop, Adam, Muon or the fine-tuning of recipe `transfer`; NaN, infinity
or minus infinity; in one value or in all of a step's images, gradients or weights; at a random step, in every third
case at two of them. Then the run is resumed in another process, and in cases of one injection a second training is also
stopped some steps after the divergence and resumed.

Shown: every figure and weight finite; the first time it goes back and on at a lower rate through all epochs; the second
time it ends, and the best epoch's weights are those that are saved and scored; report written; resuming the finished
run changes nothing; the one stopped and resumed ends bit for bit as the one that was not stopped. Diverged twice before
its first epoch, a training ends with a plain error. About 3 minutes of one core.

Anything else is a fault, and the exit code 1. Writes a dated page to benchmarks/results/, unless --dry.
"""

import argparse
import datetime
import json
import math
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import hardware, origin_lines, table, versions, write_results
from small_runs import (
    EPOCHS,
    OPTIMIZERS,
    config_of,
    differing,
    forked,
    import_everything,
    pictures,
    save_at_every_step,
    state_of,
)

RESULTS = Path(__file__).parents[1] / "results"
VALUES = {"NaN": math.nan, "infinity": math.inf, "minus infinity": -math.inf}
STEPS = 4
"""Of an epoch, with which the cases are drawn."""


def case_of(number):
    rng = random.Random(number)
    recipe = (*OPTIMIZERS, "transfer")[number % 5]
    where = ("inputs", "gradients", "weights")[number // 5 % 3]
    steps = EPOCHS * STEPS
    twice = number % 3 == 2
    first = rng.randint(1, steps)
    return {
        "number": number,
        "recipe": recipe,
        "where": where,
        "what": rng.choice(list(VALUES)),
        "all values": rng.random() < 0.5,
        "at": [first, first + rng.randint(1, STEPS)] if twice else [first],
        "augmented": rng.random() < 0.5,
        "seed": rng.randrange(1 << 30),
    }


class Injection:
    """Spoils the n-th steps made, from 1, of the training in this process."""

    def __init__(self, case):
        from tellapart.training import loop

        self.case, self.rng, self.made = case, np.random.default_rng(case["seed"]), 0
        self.learn = loop._learn_one_batch
        loop._learn_one_batch = self.learn_one_batch

    def learn_one_batch(self, step, loader, state, epochs):
        self.made += 1
        if self.made not in self.case["at"]:
            return self.learn(step, loader, state, epochs)
        place, name = {"inputs": (loader, "batch"), "gradients": (step.optimizer, "apply")}.get(
            self.case["where"], (None, None)
        )
        if place is not None:
            unspoiled = getattr(place, name)
            spoil = self.batch if name == "batch" else self.apply
            setattr(place, name, lambda *given: spoil(unspoiled, *given))
        event = self.learn(step, loader, state, epochs)
        if place is not None:
            setattr(place, name, unspoiled)
        else:
            weights = step.net.model.trainable_variables
            variable = weights[self.rng.integers(len(weights))]
            variable.assign(self.spoiled(variable.value.detach().clone()))
        return event

    def batch(self, unspoiled, *where):
        images, targets = unspoiled(*where)
        return self.spoiled(images.clone().float()), targets

    def apply(self, unspoiled, gradients):
        learned = [index for index, terms in enumerate(gradients) if terms]
        index = self.rng.choice(learned)
        gradients[index] = [self.spoiled(gradients[index][0].clone()), *gradients[index][1:]]
        unspoiled(gradients)

    def spoiled(self, tensor):
        value = VALUES[self.case["what"]]
        if self.case["all values"]:
            return tensor.fill_(value)
        tensor[tuple(self.rng.integers(size) for size in tensor.shape)] = value
        return tensor


def train(case, out, inject, stop_after=None, resume=False):
    """Train in this process; return what happened."""
    import tellapart
    from tellapart.api.listener import Listener
    from tellapart.events import Diverged, StepDone

    heard, warnings = [], []

    class Ears(Listener):
        def event(self, event):
            heard.append(event)

        def warned(self, words):
            warnings.append(words)

    injection = Injection(case) if inject else None
    save_at_every_step()
    images, labels = pictures()
    settings = (
        {"resume": out} if resume else {"recipe": config_of(case["recipe"], case["augmented"]), "out": out}
    )
    result = tellapart.train(
        images,
        labels=labels,
        listener=Ears(),
        should_stop=lambda: injection is not None and injection.made == stop_after,
        **settings,
    )
    return {
        "finished": result.finished,
        "epochs": len(result.history),
        "factors": [event.rate_factor for event in heard if isinstance(event, Diverged)],
        "steps": sum(isinstance(event, StepDone) for event in heard),
        "accuracy": result.scores and result.scores.accuracy,
        "warnings": warnings,
    }


def looked_at(case, out):
    """Return what a finished run's files say, and what is wrong with them."""
    import tellapart
    from tellapart.metrics.validation import validated
    from tellapart.runs.event_log import read_log
    from tellapart.runs.predictions import load_predictions

    wrong = []
    weights = tellapart.load(out).model.get_weights()
    if not all(np.isfinite(weight).all() for weight in weights):
        wrong.append("model.keras is not finite")
    if not (out / "report.html").exists():
        wrong.append("no report")
    log, _ = read_log(out / "log.jsonl")
    epochs = {line["epoch"]: line for line in log if line["event"] == "EpochDone"}
    if not all(
        math.isfinite(line[name] or math.nan) for line in epochs.values() for name in ("loss", "val_loss")
    ):
        wrong.append("an epoch is not finite")
    scored = [line for line in log if line["event"] == "Scored"]
    predictions = load_predictions(out / "predictions.safetensors")
    held_out = predictions.get("validation")
    if not scored or held_out is None:
        return {"wrong": [*wrong, "not scored"]}
    if case["recipe"] in OPTIMIZERS:
        rows = list(epochs.values())
        best = max(rows, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
        kept = best if config_of(case["recipe"]).keep == "best" else rows[-1]
        loss = validated(held_out.probabilities, held_out.labels).loss
        if len(rows) and config_of(case["recipe"]).tta_views == 1 and abs(loss - kept["val_loss"]) > 1e-5:
            wrong.append(
                f"the validation loss of what was scored is {loss}, that of the kept epoch {kept['val_loss']}"
            )
    facts = tellapart.report(out).facts
    if facts["scores"]["accuracy"] != scored[-1]["accuracy"]:
        wrong.append("the report has other scores")
    return {"wrong": wrong, "fine_tuned": [line["kept"] for line in log if line["event"] == "FineTuned"]}


def run_case(case, folder):
    """Return a case with its outcome and what is wrong."""
    out, other = folder / "run", folder / "stopped"
    told = forked(train, case, out, True)
    if told["outcome"] == "refused":
        early = case["recipe"] in OPTIMIZERS and len(case["at"]) == 2 and case["at"][0] <= STEPS
        plain = "diverged twice before its first epoch" in told["message"] and "\n" not in told["message"]
        return case | {"outcome": "refused", "wrong": [] if early and plain else [told["message"]]}
    if told["outcome"] != "fine":
        return case | {"outcome": told["outcome"], "wrong": [told["message"]]}
    happened = told["value"]
    wrong = [] if happened["finished"] and happened["accuracy"] is not None else ["not finished"]
    seen = forked(looked_at, case, out)
    wrong += seen["value"]["wrong"] if seen["outcome"] == "fine" else [seen["message"]]
    wrong += wrong_of_counts(case, happened)
    before = state_of(out)
    again = forked(train, case, out, False, None, True)
    if again["outcome"] != "fine":
        wrong.append(f"resumed: {again['message']}")
    elif again["value"]["steps"] or differing(state_of(out), before):
        wrong.append(
            f"resuming it made {again['value']['steps']} steps; differs: {differing(state_of(out), before)}"
        )
    if len(case["at"]) == 1 and not wrong:
        wrong += wrong_of_stopped(case, other, before)
    if case["recipe"] == "transfer":
        outcome = "fine-tuned network kept" if any(seen["value"]["fine_tuned"]) else "head kept"
    else:
        outcome = "ended with the best epoch" if None in happened["factors"] else "went on at a lower rate"
    return case | happened | {"outcome": outcome, "wrong": wrong}


def wrong_of_counts(case, happened):
    factors = happened["factors"]
    if factors != [0.1, None][: len(case["at"])]:
        return [f"diverged with {factors}"]
    whole = len(case["at"]) == 1
    if case["recipe"] in OPTIMIZERS and whole != (happened["epochs"] == EPOCHS):
        return [f"{happened['epochs']} epochs"]
    return []


def wrong_of_stopped(case, out, expected):
    """Stop the same training some steps after its divergence, and resume it."""
    stop = case["at"][0] + 1 + case["seed"] % 3
    stopped = forked(train, case, out, True, stop)
    if stopped["outcome"] != "fine":
        return [f"stopped: {stopped['message']}"]
    resumed = forked(train, case, out, False, None, True)
    if resumed["outcome"] != "fine":
        return [f"stopped and resumed: {resumed['message']}"]
    differs = differing(state_of(out), expected)
    return [f"stopped and resumed, it differs: {differs}"] if differs else []


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=30)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--dry", action="store_true")
    options = parser.parse_args()
    machine = hardware()
    import_everything()
    cases = []
    for number in range(options.first, options.first + options.cases):
        with tempfile.TemporaryDirectory() as folder:
            cases.append(run_case(case_of(number), Path(folder)))
        if cases[-1]["wrong"]:
            print(json.dumps(cases[-1]), file=sys.stderr, flush=True)
    report(options, machine, cases)
    sys.exit(any(case["wrong"] for case in cases))


def report(options, machine, cases):
    now = datetime.datetime.now(datetime.UTC)
    record = {
        "cases": cases,
        "hardware": machine,
        "versions": versions(),
        "command": f"python benchmarks/faults/divergence.py --cases {options.cases} --first {options.first}",
    }
    outcomes = Counter((case["recipe"], case["outcome"]) for case in cases)
    kinds = sorted({case["outcome"] for case in cases})
    rows = [
        {"recipe": recipe, "injected": sum(case["recipe"] == recipe for case in cases)}
        | {kind: outcomes[recipe, kind] for kind in kinds}
        | {"faults": sum(bool(case["wrong"]) for case in cases if case["recipe"] == recipe)}
        for recipe in (*OPTIMIZERS, "transfer")
    ]
    spots = Counter((case["where"], case["what"]) for case in cases)
    lines = [
        f"# NaN and infinity while training, {now:%Y-%m-%d}",
        "",
        f"{len(cases)} trainings, {sum(len(case['at']) == 2 for case in cases)} of them spoiled twice: "
        + ", ".join(f"{count} x {what} in {where}" for (where, what), count in sorted(spots.items()))
        + f". Faults: {sum(bool(case['wrong']) for case in cases)}.",
        "",
        table(rows, list(rows[0])),
        "",
        *[f"- Case {case['number']}: {'; '.join(case['wrong'])[:500]}" for case in cases if case["wrong"]],
        "",
        *origin_lines(record),
    ]
    if options.dry:
        print("\n".join(lines))
    else:
        write_results(RESULTS, "divergence", now, "\n".join(lines), record)


if __name__ == "__main__":
    main()
