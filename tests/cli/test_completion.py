"""What a shell offers at Tab: the names there are, quickly, in a real bash."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tellapart.cli import completion

sys.path.append(str(Path(__file__).parents[1] / "runs"))
from made_runs import make_run

resource = pytest.importorskip("resource", reason="Windows counts processor time otherwise")


def test_the_names_are_those_of_the_registries():
    from tellapart.models.applications import APPLICATIONS
    from tellapart.models.backbones import BACKBONES
    from tellapart.recipes.forms import OPTIMIZERS
    from tellapart.recipes.recipes import RECIPES

    assert set(completion.RECIPES) == set(RECIPES)
    assert set(completion.OPTIMIZERS) == set(OPTIMIZERS)
    assert set(completion.BACKBONES) == {*BACKBONES, *APPLICATIONS}


def test_names_are_completed_whatever_their_case():
    assert completion.recipes("f") == ["fast", "first-cnn"]
    assert completion.backbones("mobilenetv3") == ["MobileNetV3Small", "MobileNetV3Large"]
    assert completion.known_sets("cifar") == ["cifar10", "cifar100"]


def test_trackers_go_on_after_a_comma():
    assert completion.trackers("") == ["tensorboard", "trackio", "wandb", "mlflow", "none"]
    assert completion.trackers("wandb,t") == ["wandb,tensorboard", "wandb,trackio"]
    assert "wandb,wandb" not in completion.trackers("wandb,")


def test_data_are_known_sets_and_what_lies_here():
    Path("cats").mkdir()
    Path("dogs").mkdir()
    assert completion.data("c") == ["cifar10", "cifar100", "cats"]
    assert completion.data("do") == []  # then the shell completes file names


def test_run_folders_and_those_that_can_go_on():
    make_run(Path("runs/done"))
    make_run(Path("runs/half"), correct=None)
    make_run(Path("old/deep/one"))
    Path("runs/other").mkdir()
    assert completion.run_folders("") == ["runs/done", "runs/half"]
    assert completion.run_folders("runs/d") == ["runs/done"]
    assert completion.run_folders("old/deep/") == ["old/deep/one"]
    assert completion.runs_to_resume("") == ["runs/half", "runs/done"]
    assert completion.models("c") == ["cifar10"]
    assert completion.models("runs/h") == ["runs/half"]


PRESS_TAB = """
source complete.bash
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); 
function_name=$(complete -p tellapart | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
$function_name tellapart
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """A folder with a `tellapart` for the shell to call, and the script that `--show-completion` prints."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    place = tmp_path_factory.mktemp("bin")
    (place / "tellapart").write_text(f'#!/bin/sh\nexec {sys.executable} -m tellapart "$@"\n')
    (place / "tellapart").chmod(0o755)
    environment = {**os.environ, "_TELLAPART_COMPLETE": "source_bash"}
    done = subprocess.run([place / "tellapart"], env=environment, capture_output=True, text=True, check=False)
    (place / "complete.bash").write_text(done.stdout)
    assert "complete" in done.stdout
    return place


def offered(scripts, *words):
    """What bash offers after these words, the last of which is incomplete."""
    shutil.copy(scripts / "complete.bash", "complete.bash")
    quoted = " ".join(f"'{word}'" for word in ("tellapart", *words))
    environment = {**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}"}
    script = PRESS_TAB.format(words=quoted)
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    return [line for line in done.stdout.splitlines() if line]


def test_bash_offers_values(scripts):
    make_run(Path("runs/done"))
    make_run(Path("runs/half"), correct=None)
    assert offered(scripts, "ru") == ["runs"]
    assert offered(scripts, "train", "cifar") == ["cifar10", "cifar100"]
    assert offered(scripts, "train", "cifar10", "--recipe", "f") == ["fast", "first-cnn"]
    assert offered(scripts, "train", "--resume", "") == ["runs/half", "runs/done"]
    assert offered(scripts, "report", "--compare", "runs/done", "r") == ["runs/done", "runs/half"]
    assert offered(scripts, "train", "x", "--optimizer", "adam") == ["adam", "adamw"]
    assert offered(scripts, "predict", "im") == ["imagenet"]
    assert offered(scripts, "train", "photos", "--log", "w") == ["wandb"]
    assert offered(scripts, "predict", "nothing-here") == []


def test_an_answer_takes_little_time_and_no_torch():
    """Of a processor: others may be busy meanwhile, which costs a shared one up to twice the time."""
    environment = {**os.environ, "COMP_WORDS": "tellapart train --recipe f", "COMP_CWORD": "3"}
    environment["_TELLAPART_COMPLETE"] = "complete_bash"
    command = [sys.executable, "-m", "tellapart"]
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=environment, capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.6
    command[1:1] = ["-X", "importtime"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["fast", "first-cnn"]
    assert not any(f" {name}\n" in done.stderr for name in ("torch", "keras", "numpy", "rich.console"))


def test_tunings_to_go_on_with():
    from tellapart.tuning.folder import TUNINGS

    assert completion.TUNINGS == TUNINGS
    Path("tunings/done").mkdir(parents=True)
    Path("tunings/done/tuning.toml").touch()
    Path("tunings/other").mkdir()
    assert completion.tunings("") == ["tunings/done"]
