"""Every layer, with the numbers that went through it and how it made them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tellapart.explanations.arithmetic.cells import cells
from tellapart.explanations.arithmetic.registry import working_of
from tellapart.explanations.arithmetic.sampling import carrier_for
from tellapart.explanations.attribution.cam import Grid, spatial_layers
from tellapart.explanations.page.part import Part
from tellapart.explanations.recorder import LayerRun

if TYPE_CHECKING:
    from tellapart.explanations.explanation import Explanation


def part(explanation: "Explanation") -> Part | None:
    """See the module."""
    recording = explanation.recording
    if not recording.layers:
        explanation.gaps.append(
            "The layers: this model is neither Sequential nor Functional, so only its own code knows them."
        )
        return None
    carrier, grids = carrier_for(recording.layers), spatial_layers(recording)
    makers: dict[int, tuple[str, list[int] | None]] = {}
    rows, told = [], []
    for run in recording.layers:
        working, grid = working_of(run), _grid(run, grids)
        taken = [makers.get(id(one), ("the picture", None)) for one in run.taken]
        rows.append(_row(run, working.says))
        told.append(
            {
                **rows[-1],
                "from": [name for name, _ in taken],
                "grids": [grid for _, grid in taken],
                "grid": grid,
                **carrier.carried(run, working),
            }
        )
        makers |= {id(one): (run.name, grid) for one in run.given}
    sampled = sum(one.get("rows") is not None for one in told)
    values = {
        "rows": rows,
        "sampled": sampled,
        "partial": any(one["cells"] and len(one["channels"]) < one["cells"][2] for one in told),
        "lower": _other_dtypes(recording.layers),
    }
    return Part(values, {"layers": told, "tensors": carrier.tensors.packed})


def _other_dtypes(layers: Sequence[LayerRun]) -> list[str]:
    """What layers compute in by their dtype policy, where that is not float32."""
    return sorted({getattr(run.layer, "compute_dtype", "float32") for run in layers} - {"float32"})


def _row(run: LayerRun, says: str) -> dict[str, Any]:
    values = cells(run.given[0])
    return {
        "name": run.name,
        "kind": run.kind,
        "says": says,
        "takes": [list(one.shape[1:]) for one in run.inputs],
        "gives": list(run.output.shape[1:]),
        "parameters": int(run.layer.count_params()) if hasattr(run.layer, "count_params") else 0,
        "least": None if values is None else float(values.min()),
        "mean": None if values is None else float(values.mean()),
        "most": None if values is None else float(values.max()),
        "zeros": None if values is None else float(np.mean(values == 0)),
    }


def _grid(run: LayerRun, grids: dict[str, Grid]) -> list[int] | None:
    """Of a row of tokens that are places of the picture: height, width and how many tokens stand before them."""
    if run.name not in grids or run.output.ndim != 3:
        return None
    height, width = grids[run.name]
    return [height, width, int(run.output.shape[1]) - height * width]
