"""`import keras` before `import tellapart`: PyTorch where Keras's own choice is not installed, and else no change.

Stand-ins for Keras and the backends are empty packages, so that each combination takes a moment.
"""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
SAID = "Keras runs on PyTorch"


@pytest.fixture
def python(tmp_path):
    """Run a line of Python beside stand-ins for these packages; returns (KERAS_BACKEND or -, what was said)."""

    def run(*packages, line="import keras", settings=None, **environment):
        for name in ("keras", *packages):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / "__init__.py").touch()
        if settings is not None:
            (tmp_path / "home").mkdir()
            (tmp_path / "home" / "keras.json").write_text(settings)
        script = (
            f"import sys; sys.path[:] = [{str(tmp_path)!r}, *(p for p in sys.path if 'packages' not in p)]\n"
        )
        script += f"sys.path.append({str(SOURCE)!r}); import _tellapart_keras_backend; import os\n{line}\n"
        script += "print(os.environ.get('KERAS_BACKEND', '-'))"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("KERAS_")}
        done = subprocess.run(
            [sys.executable, "-I", "-c", script],
            env=clean | {"KERAS_HOME": str(tmp_path / "home")} | environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip(), done.stderr

    return run


def test_pytorch_is_chosen_where_tensorflow_is_not_installed_and_said_in_one_line(python):
    backend, said = python("torch")
    assert backend == "torch"
    assert said.count("\n") == 1
    assert SAID in said
    assert "tensorflow is not installed" in said


@pytest.mark.parametrize("settings", ['{"backend": "tensorflow"}', "no json", "[]", '{"backend": 3}'])
def test_a_settings_file_that_keras_wrote_itself_changes_nothing(python, settings):
    assert python("torch", settings=settings)[0] == "torch"


def test_tensorflow_stays_where_it_is_installed(python):
    assert python("torch", "tensorflow") == ("-", "")


def test_a_backend_that_somebody_chose_stays(python):
    assert python("torch", KERAS_BACKEND="jax") == ("jax", "")
    assert python("torch", "jax", settings=json.dumps({"backend": "jax"})) == ("-", "")


def test_without_pytorch_keras_speaks_for_itself(python):
    assert python() == ("-", "")


def test_looking_for_keras_chooses_nothing(python):
    assert python("torch", line="import importlib.util; importlib.util.find_spec('keras')") == ("-", "")


def test_a_start_of_python_imports_nothing_more(python):
    line = "heavy = {'json', 'importlib.util', 'contextlib', 'typing'} & set(sys.modules); assert not heavy, heavy"
    assert python("torch", line=line) == ("-", "")


def test_the_wheel_has_both_files_where_python_looks_for_them(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=SOURCE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("tellapart_keras_backend.pth") == b"import _tellapart_keras_backend\n"
        assert (
            archive.read("_tellapart_keras_backend.py")
            == (SOURCE / "_tellapart_keras_backend.py").read_bytes()
        )
