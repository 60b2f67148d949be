"""Some of Keras's own tests with `Model.fit` replaced by `tellapart.fit`.

All of them: `benchmarks/keras_own_tests.py`, whose harness this uses.
"""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

HARNESS = Path(__file__).parents[2] / "benchmarks" / "keras_own_tests.py"
KERAS = Path(find_spec("keras").origin).parent / "src"

TRAINER = (
    "fit_flow_eager",
    "fit_flow_steps_per_epoch_eager",
    "fit_with_val_split_eager",
    "fit_with_data_adapter_torch_dataloader_tensor",
    "fit_with_data_adapter_generator",
    "nested_inputs",
    "metric_tracking",
    "loss_weights",
    "recompile",
    "training_arg",
    "stop_loop_fit",
)
LEFT_TO_KERAS = ("fit_with_custom_train_step",)
CALLBACKS = ("early_stopping", "terminate_on_nan")


def test_keras_s_own_tests_pass(tmp_path):
    trainer = f"{KERAS}/trainers/trainer_test.py::TestTrainer::test_"
    tests = [trainer + name for name in (*TRAINER, *LEFT_TO_KERAS)]
    tests += [f"{KERAS}/callbacks/{name}_test.py" for name in CALLBACKS]
    command = [sys.executable, HARNESS, "--side", "tellapart", "--record", tmp_path / "record.json", *tests]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    outcomes = json.loads((tmp_path / "record.json").read_text())
    failed = [name for name, test in outcomes.items() if test["outcome"] == "failed"]
    assert not failed, ended.stdout[-3000:]
    trained = {
        name.split("::test_")[-1]: test["steps"] > 0 for name, test in outcomes.items() if test["fits"]
    }
    assert len(trained) >= 20
    assert [name for name in TRAINER if not trained[name]] == []
    assert [name for name in LEFT_TO_KERAS if trained[name]] == []
