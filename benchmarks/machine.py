"""What a benchmark records of its machine and packages. Standard library only."""

import contextlib
import json
import os
import platform
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "tellapart", "keras", "tensorflow", "tensorflow-cpu", "jax", "jaxlib", "torch", "onnxruntime", "numpy"
)  # fmt: skip


def hardware():
    """Return the processor and its properties that affect speed."""
    facts = processor_facts()
    flags = facts.get("flags", "").split()
    wanted = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16")
    return {
        "processor": facts.get("model name") or platform.processor() or platform.machine(),
        "family_model_stepping": [facts.get(name) for name in ("cpu family", "model", "stepping")],
        "physical_cores": physical_cores(),
        "logical_cores": os.cpu_count(),
        "flags": [flag for flag in wanted if flag in flags],
        "system": f"{platform.system()} {platform.release()}",
        "load_before": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }


def hardware_line(machine):
    """Return `hardware` as a line of a Markdown list."""
    return (
        f"- Processor: {machine['processor']} (family, model, stepping: "
        f"{', '.join(map(str, machine['family_model_stepping']))}), {machine['physical_cores']} physical and "
        f"{machine['logical_cores']} logical cores, {' '.join(machine['flags'])}; {machine['system']}; "
        f"load before: {machine['load_before']}"
    )


def origin_lines(record):
    """Return the last lines of a page, which say where its figures come from: processor, versions, command."""
    return [
        hardware_line(record["hardware"]),
        "- " + ", ".join(f"{name} {version}" for name, version in record["versions"].items()),
        f"- Command: `{record['command']}`",
        "",
    ]


def write_results(folder, name, now, page, record):
    """Write the page NAME-DATE.md and all runs beside it, and print the page."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"{name}-{now:%Y-%m-%d-%H%M}.md"
    place.write_text(page)
    place.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    print(page)


def processor_facts():
    """Return the first processor's lines of /proc/cpuinfo; empty if there is no such file."""
    path = Path("/proc/cpuinfo")
    block = path.read_text().split("\n\n")[0] if path.exists() else ""
    pairs = (line.split(":", 1) for line in block.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


def physical_cores():
    """Return the number of cores without hyperthreads; of logical ones if the system does not say."""
    path = Path("/proc/cpuinfo")
    blocks = path.read_text().split("\n\n") if path.exists() else []
    cores = set()
    for block in blocks:
        lines = [line for line in block.splitlines() if line.startswith(("physical id", "core id"))]
        if lines:
            cores.add(tuple(lines))
    return len(cores) or os.cpu_count()


def versions():
    """Return the versions of Python and of the packages that matter."""
    numbers = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            numbers[name] = metadata.version(name)
    return numbers


def table(rows, columns):
    """Return a Markdown table of these columns; numbers rounded for reading."""

    def cell(value):
        if isinstance(value, float):
            return f"{value:.2f}" if value < 100 else f"{value:.0f}"
        return str(value)

    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    lines += [f"| {' | '.join(cell(row[name]) for name in columns)} |" for row in rows]
    return "\n".join(lines)
