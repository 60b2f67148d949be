"""The section on every layer: its numbers, and how it computes them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tellapart.explanations.arithmetic.cells import cells
from tellapart.explanations.arithmetic.registry import arithmetic_of
from tellapart.explanations.arithmetic.sampling import sampler_for
from tellapart.explanations.attribution.cam import Grid, spatial_layers
from tellapart.explanations.explanation import Explanation
from tellapart.explanations.page.part import Part
from tellapart.explanations.recorder import LayerRun


def part(explanation: Explanation) -> Part | None:
    """Return the section; None for a subclassed model."""
    runs = explanation.recording.layers
    if not runs:
        explanation.add_gap(
            "The layers: this model is neither Sequential nor Functional, so its layers cannot be seen."
        )
        return None
    sampler, grids = sampler_for(runs), spatial_layers(explanation.recording)
    sources: dict[int, tuple[str, list[int] | None]] = {}
    layers = []
    for run in runs:
        arithmetic, grid = arithmetic_of(run), _grid(run, grids)
        inputs = [sources.get(id(tensor), ("the picture", None)) for tensor in run.raw_inputs]
        layers.append(
            {
                **_facts(run),
                "from": [name for name, _ in inputs],
                "grids": [input_grid for _, input_grid in inputs],
                "grid": grid,
                **sampler.sampled(run, arithmetic),
            }
        )
        sources |= {id(tensor): (run.name, grid) for tensor in run.raw_outputs}
    values = {
        "rows": layers,
        "sampled": sum(layer.get("rows") is not None for layer in layers),
        "partial": any(layer["cells"] and len(layer["channels"]) < layer["cells"][2] for layer in layers),
        "other_dtypes": _other_dtypes(runs),
    }
    return Part(values, {"layers": layers, "tensors": sampler.tensors.packed})


def _other_dtypes(runs: Sequence[LayerRun]) -> list[str]:
    """Return the compute dtypes of the layers' policies that are not float32."""
    return sorted({getattr(run.layer, "compute_dtype", "float32") for run in runs} - {"float32"})


def _facts(run: LayerRun) -> dict[str, Any]:
    """Return a layer's name, shapes and statistics, for the table."""
    values = cells(run.raw_outputs[0])
    return {
        "name": run.name,
        "kind": run.kind,
        "input_shapes": [list(tensor.shape[1:]) for tensor in run.inputs],
        "output_shape": list(run.output.shape[1:]),
        "parameters": int(run.layer.count_params()) if hasattr(run.layer, "count_params") else 0,
        "min": None if values is None else float(values.min()),
        "mean": None if values is None else float(values.mean()),
        "max": None if values is None else float(values.max()),
        "zeros": None if values is None else float(np.mean(values == 0)),
    }


def _grid(run: LayerRun, grids: dict[str, Grid]) -> list[int] | None:
    """Return how tokens lie on the picture: height, width and the number of tokens before them; None for others."""
    if run.name not in grids or run.output.ndim != 3:
        return None
    height, width = grids[run.name]
    return [height, width, int(run.output.shape[1]) - height * width]
