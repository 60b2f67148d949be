"""Attribution: which pixels a prediction rests on, by several methods, each held to the same faithfulness test."""
