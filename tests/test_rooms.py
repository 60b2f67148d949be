"""The house: a file imports only from rooms on floors below its own room, wherever the import stands in it."""

import ast
import statistics
from collections import Counter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "tellapart"

FLOORS = (
    ("text",),
    ("pages",),
    ("errors", "events", "keras_internals", "metrics"),
    ("lowering", "untrusted", "old_keras", "web", "files", "paths", "keras_backend"),
    ("data", "models", "runtime"),
    ("inference",),
    ("training",),
    ("recipes", "classifier"),
    ("runs", "profiling", "checks", "trackers", "exporters"),
    ("explanations", "volume"),
    ("reports",),
    ("api",),
    ("guide", "server", "tuning"),
    ("cli",),
    ("__init__", "__main__"),
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
LOOSE_FILES_AT_MOST = 9


def module_name(path: Path) -> str:
    """`data/split.py` as `data.split`; a package's `__init__.py` as the package."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


FILES = {module_name(path): path for path in SOURCE.rglob("*.py")}


def imports_of(text: str) -> set[str]:
    """The modules of tellapart that a source text imports, at its top, in functions and for type checking."""
    imported = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        imported |= {name.removeprefix("tellapart.") for name in names if name.startswith("tellapart.")}
    return {module for name in imported if (module := module_of(name))}


def module_of(name: str) -> str:
    """`data.split.divide` as `data.split`: the longest beginning that is a module."""
    parts = name.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((known for known in names if known in FILES), "__init__")


IMPORTS = {module: imports_of(path.read_text()) - {module} for module, path in FILES.items()}


def room_of(module: str) -> str:
    return module.split(".")[0]


def test_every_room_has_a_floor():
    assert {room_of(module) for module in FILES} == set(FLOOR_OF)


@pytest.mark.parametrize("module", sorted(FILES))
def test_imports_go_down(module):
    own = room_of(module)
    allowed = {room for room, floor in FLOOR_OF.items() if floor < FLOOR_OF[own]} | {own, "__init__"}
    upward = sorted(name for name in IMPORTS[module] if room_of(name) not in allowed)
    assert not upward, f"{module} ({own}, floor {FLOOR_OF[own]}) imports {upward}"


def test_no_imports_form_a_circle():
    assert not circle_in(IMPORTS)


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a ring; none: an empty list."""
    done: set[str] = set()

    def visit(module: str, trail: list[str]) -> list[str]:
        if module in trail:
            return trail[trail.index(module) :]
        if module in done:
            return []
        for imported in sorted(graph.get(module, ())):
            if circle := visit(imported, [*trail, module]):
                return circle
        done.add(module)
        return []

    return next((circle for module in sorted(graph) if (circle := visit(module, []))), [])


def test_a_circle_is_found():
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
    assert circle_in({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_lazy_imports_and_those_for_types_count():
    text = "if TYPE_CHECKING:\n    from tellapart.data import split\ndef f():\n    import tellapart.events\n"
    assert imports_of(text) == {"data.split", "events"}


def test_test_files_have_names_of_their_own():
    """Without packages around them, pytest collects one module of a name and refuses the second."""
    names = Counter(path.name for path in Path(__file__).parent.rglob("test_*.py"))
    assert not [name for name, count in names.items() if count > 1]


def test_few_files_stand_outside_a_room():
    assert len(list(SOURCE.glob("*.py"))) <= LOOSE_FILES_AT_MOST


LINES_OF_A_FILE_AT_MOST = 400
LINES_OF_A_FUNCTION_AT_MOST = 50
MEDIAN_FUNCTION_AT_MOST = 8


def function_lengths(text: str) -> dict[str, int]:
    """Lines of each function, without its docstring."""
    lengths = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            docstring = first.end_lineno - first.lineno + 1 if ast.get_docstring(node) is not None else 0
            lengths[f"{node.name}, line {node.lineno}"] = node.end_lineno - node.lineno + 1 - docstring
    return lengths


@pytest.mark.parametrize("module", sorted(FILES))
def test_files_and_functions_are_short(module):
    text = FILES[module].read_text()
    assert text.count("\n") <= LINES_OF_A_FILE_AT_MOST, "look for the second idea in this file"
    long = {
        name: lines for name, lines in function_lengths(text).items() if lines > LINES_OF_A_FUNCTION_AT_MOST
    }
    assert not long, "look for the second idea in these functions"


def test_most_functions_are_very_short():
    lengths = [lines for path in FILES.values() for lines in function_lengths(path.read_text()).values()]
    assert statistics.median(lengths) <= MEDIAN_FUNCTION_AT_MOST


BY_THE_FRONT_DOOR = {"guide"}
"""Rooms above the API, which may use the public names like anybody else."""


def public_names_used(text: str) -> set[str]:
    """What a source text takes from the package itself, whose names come from any floor; `*` for the package."""
    used = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == "tellapart":
            used |= {
                alias.name for alias in node.names if alias.name not in FILES and alias.name != "__version__"
            }
        elif isinstance(node, ast.Import):
            used |= {"*" for alias in node.names if alias.name == "tellapart"}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            used |= {"*" for argument in node.args if "tellapart" in ast.unparse(argument)}
    return used


@pytest.mark.parametrize("module", sorted(FILES))
def test_no_room_below_the_api_goes_round_its_floor(module):
    """`from tellapart import train` would reach the API from anywhere."""
    if room_of(module) not in BY_THE_FRONT_DOOR:
        assert not public_names_used(FILES[module].read_text())


def test_a_way_round_the_floors_is_found():
    assert public_names_used("from tellapart import train, __version__") == {"train"}
    assert public_names_used("def f():\n    import tellapart") == {"*"}
    assert public_names_used("importlib.import_module('tellapart.cli.main')") == {"*"}
