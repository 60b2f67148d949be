"""Which of a script's names are Keras models.

A name is a model where it is assigned what makes one, or where something is done to it that is done to nothing else:
`compile` with a loss, `fit_generator`. What comes from a class of the script's own that is none of Keras's is no model,
and a method that such a class has proves nothing. Names count within their function, then in the file. `self.model`
counts within its class and the classes that it is made from.
"""

from collections.abc import Iterator

import libcst as cst
from libcst import matchers as m

from tellapart.old_keras.methods import ONLY_OF_MODELS
from tellapart.old_keras.script import Script, parts_of, text_of

MODEL = "keras.Model"
MAKERS = {
    "keras.Sequential",
    MODEL,
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
"""(function or class, None for the file; dotted name)"""


class ModelNames:
    """The models of a script."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self._models: set[Key] = set()
        self._others: set[Key] = set()
        self._own: set[Key] = set()
        """Names that hold an object of one of the script's own classes that are no models."""
        self._own_methods = {
            each.name.value
            for node in script.all(cst.ClassDef)
            if self._is_own_class(node)
            for each in node.body.body
            if isinstance(each, cst.FunctionDef)
        }
        self._makers: set[cst.CSTNode] = {
            node for node in script.all(cst.ClassDef) if self._is_model_class(node)
        }
        for _ in range(3):  # a function that returns a model makes another name a model, and so on
            self._look_at_assignments()
            self._makers |= self._functions_that_return_models()
        self._look_at_calls()

    def is_model(self, node: cst.BaseExpression) -> bool:
        """Return whether an expression is a Keras model."""
        if isinstance(node, cst.Call):
            return self._makes_model(node)
        name = ".".join(parts_of(node) or [])
        if name == "self":
            around = self._class_around(node)
            return around is not None and self._is_model_class(around)
        for key in self._keys(node, name):
            if key in self._models | self._others | self._own:
                return key not in self._others | self._own
        return name == "self.model" and self._is_in_callback(node)

    def is_own(self, node: cst.BaseExpression) -> bool:
        """Return whether an expression is a class of the script's own that is no model, or an object of one."""
        if isinstance(node, cst.Call):
            return self._makes_own(node) or text_of(node.func) == "super"
        name = ".".join(parts_of(node) or [])
        if name == "self":
            around = self._class_around(node)
            return around is not None and self._is_own_class(around)
        key = next(
            (each for each in self._keys(node, name) if each in self._models | self._others | self._own), None
        )
        if key is None:
            return isinstance(node, cst.Name) and self._is_own_class(self.script.definition(node))
        return key in self._own and key not in self._models | self._others

    # Where a name counts

    def _keys(self, node: cst.CSTNode, name: str) -> Iterator[Key]:
        """Yield where a name may live, the nearest place first."""
        if name.startswith("self."):
            around = self._class_around(node)
            yield from ((each, name) for each in ([] if around is None else self._lineage(around)))
            return
        for place in self._functions_around(node):
            yield (place, name)
            if self._binds(place, name.partition(".")[0]):
                return
        yield (None, name)

    def _functions_around(self, node: cst.CSTNode) -> list[cst.CSTNode]:
        return [above for above in self.script.above(node) if isinstance(above, cst.FunctionDef | cst.Lambda)]

    def _class_around(self, node: cst.CSTNode) -> cst.ClassDef | None:
        return next((above for above in self.script.above(node) if isinstance(above, cst.ClassDef)), None)

    def _place(self, node: cst.CSTNode, name: str) -> Key:
        """Return where a name lives that is set: `self.model` belongs to its class, whichever method sets it."""
        if name.startswith("self."):
            return (self._class_around(node), name)
        functions = self._functions_around(node)
        return (functions[0] if functions else None, name)

    # Classes

    def _lineage(self, node: cst.ClassDef) -> list[cst.ClassDef]:
        """Return a class and those of the script's own that it is made from."""
        found = [node]
        for each in found:
            bases = (self.script.definition(base.value) for base in each.bases)
            found += [base for base in bases if isinstance(base, cst.ClassDef) and base not in found]
        return found

    def _foreign_bases(self, node: cst.ClassDef) -> list[cst.BaseExpression]:
        """Return what a class is made from that the script does not define itself."""
        bases = [base.value for each in self._lineage(node) for base in each.bases]
        return [base for base in bases if not isinstance(self.script.definition(base), cst.ClassDef)]

    def _is_model_class(self, node: cst.ClassDef) -> bool:
        return any(self.script.today(base) in MAKERS for base in self._foreign_bases(node))

    def _is_own_class(self, node: cst.CSTNode | None) -> bool:
        """Return whether a class is the script's own and surely no model: all that it is made from is known."""
        return isinstance(node, cst.ClassDef) and all(
            text_of(base) == "object" or (self.script.today(base) or MODEL) not in MAKERS
            for base in self._foreign_bases(node)
        )

    def _is_in_callback(self, node: cst.CSTNode) -> bool:
        around = self._class_around(node)
        return around is not None and self.is_callback(around)

    def is_callback(self, node: cst.ClassDef) -> bool:
        """Return whether a class is one of Keras's callbacks."""
        names = (self.script.today(base) or "" for base in self._foreign_bases(node))
        return any(name.startswith("keras.callbacks.") for name in names)

    def is_in_layer(self, node: cst.CSTNode) -> bool:
        """Return whether a node stands in a class that is made from one of Keras's layers or models."""
        around = self._class_around(node)
        names = (
            [] if around is None else [self.script.today(base) or "" for base in self._foreign_bases(around)]
        )
        return any(name in MAKERS or name.startswith("keras.layers.") for name in names)

    # What makes a model

    def _makes_model(self, call: cst.Call) -> bool:
        today = self.script.today(call.func)
        if today is not None:
            last = today.rpartition(".")[2]
            return today in MAKERS or (today.startswith("keras.applications.") and last[:1].isupper())
        return self._definition(call.func) in self._makers

    def _makes_own(self, call: cst.Call) -> bool:
        made = self._definition(call.func)
        if isinstance(made, cst.FunctionDef):
            values = _returned(made)
            calls = [value for value in values if isinstance(value, cst.Call)]
            return bool(values) and calls == values and all(self._makes_own_directly(each) for each in calls)
        return self._is_own_class(made)

    def _makes_own_directly(self, call: cst.Call) -> bool:
        return self._is_own_class(self._definition(call.func))

    def _definition(self, node: cst.BaseExpression) -> cst.CSTNode | None:
        """Return the class or function of the script's own that a name means; `self.build` is one of its class."""
        parts = parts_of(node) or []
        if len(parts) != 2 or parts[0] not in ("self", "cls"):
            return self.script.definition(node)
        around = self._class_around(node)
        methods = [
            each
            for one in ([] if around is None else self._lineage(around))
            for each in one.body.body
            if isinstance(each, cst.FunctionDef) and each.name.value == parts[1]
        ]
        return methods[0] if methods else None

    def _look_at_assignments(self) -> None:
        for node in self.script.all(cst.Assign):
            for target in node.targets:
                parts = parts_of(target.target)
                if parts is None:
                    continue
                key = self._place(node, ".".join(parts))
                if self._gives_model(node.value):
                    self._models.add(key)
                elif self._gives_own(node.value):
                    self._own.add(key)
                elif isinstance(node.value, cst.Call) and self._is_from_elsewhere(node.value):
                    self._others.add(key)

    def _gives_model(self, value: cst.BaseExpression) -> bool:
        return self.is_model(value) if isinstance(value, cst.Call | cst.Name | cst.Attribute) else False

    def _gives_own(self, value: cst.BaseExpression) -> bool:
        return self.is_own(value) if isinstance(value, cst.Call | cst.Name | cst.Attribute) else False

    def _is_from_elsewhere(self, call: cst.Call) -> bool:
        full = self.script.full_name(call.func)
        return (
            full is not None and self.script.old_name(call.func) is None and not full.startswith("tellapart.")
        )

    def _functions_that_return_models(self) -> set[cst.CSTNode]:
        found: set[cst.CSTNode] = set()
        for node in self.script.all(cst.FunctionDef):
            values = _returned(node)
            if values and all(self._gives_model(value) for value in values):
                found.add(node)
        return found

    def _look_at_calls(self) -> None:
        for node in self.script.all(cst.Call):
            if not isinstance(node.func, cst.Attribute):
                continue
            method = node.func.attr.value
            name = ".".join(parts_of(node.func.value) or [])
            keywords = {arg.keyword.value for arg in node.args if arg.keyword is not None}
            is_telling = method in ONLY_OF_MODELS or (method == "compile" and keywords & _COMPILED_WITH)
            if name in ("", "self") or not is_telling or method in self._own_methods:
                continue
            if not self.is_own(node.func.value):
                self._models.add(self._nearest(node, name))

    def _nearest(self, node: cst.CSTNode, name: str) -> Key:
        """Return the key of a name that is used: in the file, unless the function has it as its own."""
        if name.startswith("self."):
            return (self._class_around(node), name)
        for function in self._functions_around(node):
            if self._binds(function, name):
                return (function, name)
        return (None, name)

    @staticmethod
    def _binds(function: cst.CSTNode, name: str) -> bool:
        """Return whether a function has a parameter or a variable of its own by this name, other than `self`."""
        if name == "self" or not isinstance(function, cst.FunctionDef | cst.Lambda):
            return False
        parameters = m.findall(function.params, m.Param(name=m.Name(name)))
        return bool(parameters or m.findall(function.body, m.AssignTarget(target=m.Name(name))))


def _returned(node: cst.FunctionDef) -> list[cst.BaseExpression]:
    """Return what a function returns, wherever in it."""
    found = m.findall(node.body, m.Return())
    return [each.value for each in found if isinstance(each, cst.Return) and each.value is not None]
