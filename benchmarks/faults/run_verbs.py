"""What each command does with a run folder from a stranger."""

from model_verbs import evaluate, explain, load, predict, summary


def report(run, _):
    import tellapart

    return len(str(tellapart.report(run).facts))


def resume(run, _):
    """Go on with the training, for three steps at most: a training may be as long as its settings say."""
    import itertools

    import tellapart
    from tellapart.api.listener import Listener

    steps = itertools.count()
    result = tellapart.train(resume=run, listener=Listener(), should_stop=lambda: next(steps) > 2)
    return result.finished


def compare(run, pictures):
    import tellapart

    return tellapart.compare([run, pictures[0].parents[2] / "runs" / "finished"])["pairs"]


RUN_VERBS = (load, predict, evaluate, explain, summary, report, resume, resume, compare)


def import_for_runs():
    import tellapart.api.compare
    import tellapart.api.report
    import tellapart.api.train
    import tellapart.api.transfer_run
    import tellapart.reports.report  # noqa: F401


def make_runs(folder, pictures):
    """Train: a finished run, one that was stopped, one by transfer; return their folders."""
    import itertools

    import tellapart
    from tellapart.api.listener import Listener
    from tellapart.runs import checkpointer

    checkpointer.SECONDS_BETWEEN_CHECKPOINTS = -1.0
    few = {"size": (16, 16), "listener": Listener()}
    quick = {"recipe": "quick", "epochs": 3, "batch_size": 4, "validation_share": 0.2} | few
    tellapart.train(pictures, out=folder / "finished", **quick)
    tellapart.explain(folder / "finished", next(pictures.rglob("*.png")))  # which keeps features
    steps = itertools.count()
    tellapart.train(pictures, out=folder / "stopped", should_stop=lambda: next(steps) > 4, **quick)
    tellapart.train(pictures, out=folder / "transfer", recipe="transfer", **few)
