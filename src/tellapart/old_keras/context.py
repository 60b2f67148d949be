"""What a rule of rewriting may ask: the script, its names, its models, and how old it is."""

from dataclasses import dataclass
from functools import cached_property

import libcst as cst

from tellapart.old_keras.findings import Age, Findings
from tellapart.old_keras.model_names import ModelNames
from tellapart.old_keras.references import References
from tellapart.old_keras.script import Script, module_parts, parts_of, text_of


@dataclass
class Context:
    """Everything about one script."""

    script: Script
    findings: Findings
    age: Age

    def __post_init__(self) -> None:
        self.references = References(self.script, self.findings)
        self.models = ModelNames(self.script)

    @property
    def is_keras_of_its_own(self) -> bool:
        """Whether the script is old and its Keras is not TensorFlow's, whose defaults differ."""
        return self.age.is_old and not self.script.is_of_tensorflow

    @property
    def divides_whole(self) -> bool:
        """Whether `/` of whole numbers gave a whole number where the script was written."""
        futures = (node for node in self.script.all(cst.ImportFrom) if module_parts(node) == ["__future__"])
        return self.age.is_python_2 and not any("division" in text_of(node) for node in futures)

    def today(self, node: cst.CSTNode) -> str | None:
        """Return the full name of what a node means in today's Keras; None if it is not Keras's, or is gone."""
        return self.script.today(node)

    def keras(self, name: str) -> str:
        """Return how the rewritten script spells a full name of Keras."""
        return self.references.keras() + name.removeprefix("keras")

    def losses_of(self, model: cst.BaseExpression) -> set[str]:
        """Return the names of the losses that a model is compiled with, wherever in the script."""
        return self._losses.get(".".join(parts_of(model) or []), set())

    @cached_property
    def _losses(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for call, receiver in self.script.method_calls("compile"):
            for place, arg in enumerate(call.args):
                is_loss = arg.keyword is not None and arg.keyword.value == "loss"
                if is_loss or (arg.keyword is None and place == 1):
                    name = self.script.string(arg.value) or (self.today(arg.value) or "").rpartition(".")[2]
                    found.setdefault(receiver, set()).add(name)
        return found

    @cached_property
    def shows_accuracy(self) -> set[str]:
        """Models that are asked for their accuracy when they are trained or scored, as before Keras 1."""
        methods = ("fit", "evaluate", "train_on_batch", "test_on_batch", "train", "test")
        return {
            receiver
            for method in methods
            for call, receiver in self.script.method_calls(method)
            if any(
                arg.keyword is not None and arg.keyword.value in ("show_accuracy", "accuracy")
                for arg in call.args
            )
        }
