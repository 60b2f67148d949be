"""Which of a script's names are Keras models.

A name is a model where it is assigned what makes one, or where something is done to it that is done to nothing else:
`compile` with a loss, `fit_generator`. Names count within their function, then in the file.
"""

import libcst as cst
from libcst import matchers as m

from tellapart.old_keras.methods import ONLY_OF_MODELS
from tellapart.old_keras.script import Script, parts_of

MAKERS = {
    "keras.Sequential",
    "keras.Model",
    "keras.models.Sequential",
    "keras.models.Model",
    "keras.models.load_model",
    "keras.models.model_from_json",
    "keras.models.model_from_config",
    "keras.models.clone_model",
    "keras.saving.load_model",
}

_COMPILED_WITH = {"loss", "optimizer", "metrics"}

Key = tuple[cst.CSTNode | None, str]
"""(function or None for the file, dotted name)"""


class ModelNames:
    """The models of a script."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self._models: set[Key] = set()
        self._others: set[Key] = set()
        self._makers = self._own_classes()
        for _ in range(3):  # a function that returns a model makes another name a model, and so on
            self._look_at_assignments()
            self._makers |= self._functions_that_return_models()
        self._look_at_calls()

    def is_model(self, node: cst.BaseExpression) -> bool:
        """Return whether an expression is a Keras model."""
        if isinstance(node, cst.Call):
            return self._makes_model(node)
        parts = parts_of(node)
        if parts is None:
            return False
        name = ".".join(parts)
        for place in [*self._functions_around(node), None]:
            if (place, name) in self._models:
                return (place, name) not in self._others
            if place is not None and self._binds(place, parts[0]):
                return False
        return name == "self.model" and self._is_in_callback(node)

    def _functions_around(self, node: cst.CSTNode) -> list[cst.CSTNode]:
        return [above for above in self.script.above(node) if isinstance(above, cst.FunctionDef | cst.Lambda)]

    def _place(self, node: cst.CSTNode, name: str) -> Key:
        """Return where a name lives: `self.model` belongs to the file, whichever method it is set in."""
        functions = self._functions_around(node)
        return (None if name.startswith("self.") or not functions else functions[0], name)

    def _is_in_callback(self, node: cst.CSTNode) -> bool:
        return any(
            isinstance(above, cst.ClassDef)
            and any(
                (self.script.today(base.value) or "").startswith("keras.callbacks.") for base in above.bases
            )
            for above in self.script.above(node)
        )

    def _makes_model(self, call: cst.Call) -> bool:
        today = self.script.today(call.func)
        if today is not None:
            last = today.rpartition(".")[2]
            return today in MAKERS or (today.startswith("keras.applications.") and last[:1].isupper())
        parts = parts_of(call.func)
        return parts is not None and ".".join(parts) in self._makers

    def _own_classes(self) -> set[str]:
        return {
            node.name.value
            for node in self.script.all(cst.ClassDef)
            if any(self.script.today(base.value) in MAKERS for base in node.bases)
        }

    def _look_at_assignments(self) -> None:
        for node in self.script.all(cst.Assign):
            for target in node.targets:
                parts = parts_of(target.target)
                if parts is None:
                    continue
                key = self._place(node, ".".join(parts))
                if self._gives_model(node.value):
                    self._models.add(key)
                elif isinstance(node.value, cst.Call) and self._is_from_elsewhere(node.value):
                    self._others.add(key)

    def _gives_model(self, value: cst.BaseExpression) -> bool:
        return self.is_model(value) if isinstance(value, cst.Call | cst.Name | cst.Attribute) else False

    def _is_from_elsewhere(self, call: cst.Call) -> bool:
        full = self.script.full_name(call.func)
        return (
            full is not None and self.script.old_name(call.func) is None and not full.startswith("tellapart.")
        )

    def _functions_that_return_models(self) -> set[str]:
        found = set()
        for node in self.script.all(cst.FunctionDef):
            values = [
                each.value
                for each in m.findall(node.body, m.Return())
                if isinstance(each, cst.Return) and each.value is not None
            ]
            if values and all(self._gives_model(value) for value in values):
                is_method = any(isinstance(above, cst.ClassDef) for above in self.script.above(node))
                found.add(f"self.{node.name.value}" if is_method else node.name.value)
        return found

    def _look_at_calls(self) -> None:
        for node in self.script.all(cst.Call):
            if not isinstance(node.func, cst.Attribute):
                continue
            method = node.func.attr.value
            parts = parts_of(node.func.value)
            keywords = {arg.keyword.value for arg in node.args if arg.keyword is not None}
            is_model = method in ONLY_OF_MODELS or (method == "compile" and keywords & _COMPILED_WITH)
            if parts is not None and is_model and parts != ["super"]:
                self._models.add(self._nearest(node, ".".join(parts)))

    def _nearest(self, node: cst.CSTNode, name: str) -> Key:
        """Return the key of a name that is used: in the file, unless the function has it as its own."""
        for function in self._functions_around(node):
            if not name.startswith("self.") and self._binds(function, name):
                return (function, name)
        return (None, name)

    @staticmethod
    def _binds(function: cst.CSTNode, name: str) -> bool:
        """Return whether a function has a parameter or a variable of its own by this name, other than `self`."""
        if name == "self" or not isinstance(function, cst.FunctionDef | cst.Lambda):
            return False
        parameters = m.findall(function.params, m.Param(name=m.Name(name)))
        return bool(parameters or m.findall(function.body, m.AssignTarget(target=m.Name(name))))
