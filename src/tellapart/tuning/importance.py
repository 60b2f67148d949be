"""Importance: how much each searched setting matters for the score, by Optuna's PED-ANOVA.

Source: Watanabe, Bansal & Hutter 2023, arXiv:2304.10255.
"""

from typing import Any, Final

from tellapart.tuning.store import import_optuna

EVALUATOR: Final = "PED-ANOVA"

FEWEST_TRIALS: Final = 8
"""Complete ones. Fewer say nothing."""

ROUGH_BELOW: Final = 30
"""Complete trials below which importances are a hint at most."""


def importances_of(study: Any) -> dict[str, Any] | None:
    """Return the importances of a study's settings; None where there are too few complete trials.

    Args:
        study: of Optuna.

    Returns:
        "evaluator"; "trials", the number of complete ones; "values": setting -> share of 1, the largest first.
    """
    optuna = import_optuna()
    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if len(complete) < FEWEST_TRIALS or len({trial.value for trial in complete}) < 2:
        return None
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    try:
        values = optuna.importance.get_param_importances(study, evaluator=evaluator)
    except (ValueError, RuntimeError):  # a setting without two values, or scores that are all alike
        return None
    return {"evaluator": EVALUATOR, "trials": len(complete), "values": dict(values)}
