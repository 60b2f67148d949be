"""Names and imports: each use of a name of old Keras as today's, and imports that fit.

First everything is looked at (`References`), then the tree is changed: an import goes only when nothing needs it.
"""

import libcst as cst

from tellapart.keras_internals import PRIVATE_MODULES
from tellapart.old_keras import installed
from tellapart.old_keras.findings import Findings
from tellapart.old_keras.imports import STAR, Imported, ImportPlan, imported
from tellapart.old_keras.names import TEMPLATES, Gone, today_of
from tellapart.old_keras.script import Script, parts_of, text_of

_NOT_IN_KERAS_3 = "{} is not in Keras 3."
OTHER_ENGINES = ("theano", "cntk", "mxnet", "plaidml")
"""Packages on which older Keras ran and Keras 3 does not."""
_OTHER_ENGINE = "Keras 3 does not run on {}. Write keras.ops for what is used of it, or drop the line."
MERGE = ("keras.layers.merge", "keras.engine.merge", "keras.layers.core.merge", "keras.engine.topology.merge")
"""A function in Keras 1; a module of functions in Keras 2."""


class References:
    """What becomes of each name and each import of a script."""

    def __init__(self, script: Script, findings: Findings) -> None:
        self.script = script
        self.findings = findings
        self.expressions: dict[cst.BaseExpression, str] = {}
        """Name, or names joined by dots -> what is written there today."""
        self.templates: dict[cst.Call, str] = {}
        """Call -> an expression of its positional arguments."""
        self.merges: set[cst.Call] = set()
        """Calls of Keras 1's function `merge`."""
        imports: list[cst.Import | cst.ImportFrom] = [*script.all(cst.Import), *script.all(cst.ImportFrom)]
        self.imported = [each for node in imports for each in imported(node)]
        self.uses_keras = any(each.old is not None for each in self.imported)
        self._needed: set[tuple[cst.CSTNode, str]] = set()
        self._foreign: dict[cst.CSTNode, list[str]] = {}
        self._look_at_names()
        self.imports = self._plan_imports()

    # Names

    def _look_at_names(self) -> None:
        nodes: list[cst.Name | cst.Attribute] = [*self.script.all(cst.Name), *self.script.all(cst.Attribute)]
        for node in nodes:
            if parts_of(node) is not None and self._is_use(node):
                self._look_at(node)

    def _is_use(self, node: cst.Name | cst.Attribute) -> bool:
        """Return whether a node is a whole name that is used, not a part of one, a keyword, or a definition."""
        parent = self.script.parent(node)
        if isinstance(parent, cst.Attribute):
            return False
        if isinstance(parent, cst.Arg):
            return parent.keyword is not node
        defines = cst.Param | cst.FunctionDef | cst.ClassDef
        if isinstance(parent, defines) and parent.name is node:
            return False
        kinds = cst.ImportAlias | cst.AsName | cst.ImportFrom
        return not isinstance(parent, kinds)

    def _look_at(self, node: cst.Name | cst.Attribute) -> None:
        parts = parts_of(node) or []
        source = self._source_of(node, parts[0])
        old = self.script.old_name(node)
        if old is None:
            if source is not None and source.full == "tensorflow":
                self._foreign.setdefault(source.node, []).append(text_of(node))
                self._need(source)
            return
        self.uses_keras = True
        today = self._today(node, old, is_whole=source is None or old != source.old)
        if today is None:
            self._need(source)
            return
        if self._is_template(node, old) or self._is_merge(node, old):
            return
        self._write(node, source, old, today)

    def _today(self, node: cst.CSTNode, old: str, is_whole: bool) -> str | None:
        """Return today's name, after a remark where there is none; a name that was imported is remarked on there."""
        today = today_of(old)
        if old in TEMPLATES:
            return old
        if isinstance(today, Gone) or not installed.has(today):
            self.findings.old()
            if is_whole:
                self.findings.leave(node, advice_for(old, today))
            return None
        if today != old and not installed.has(old):
            self.findings.old()
        return today

    def _is_template(self, node: cst.Name | cst.Attribute, old: str) -> bool:
        if old not in TEMPLATES:
            return False
        call = self.script.parent(node)
        self.findings.old()
        if isinstance(call, cst.Call) and call.func is node and _plain(call, TEMPLATES[old]):
            self.templates[call] = TEMPLATES[old]
            if "keras." in TEMPLATES[old]:
                self.templates[call] = TEMPLATES[old].replace("keras.", f"{self._keras()}.")
        else:
            self.findings.leave(node, f"Write {TEMPLATES[old].format('x', 'value')}.")
            self._need(self._source_of(node, (parts_of(node) or [""])[0]))
        return True

    def _is_merge(self, node: cst.CSTNode, old: str) -> bool:
        call = self.script.parent(node)
        is_merge = old in MERGE and isinstance(call, cst.Call) and call.func is node
        if is_merge and isinstance(call, cst.Call):
            self.merges.add(call)
            self.findings.old(keras_1=True)
        return is_merge

    def _write(self, node: cst.Name | cst.Attribute, source: Imported | None, old: str, today: str) -> None:
        """Note what is written for a name that has an equal today."""
        module, _, last = today.rpartition(".")
        text = text_of(node)
        if source is None:  # everything was imported from a module
            stars = {today_of(star) for star in self.script.star_modules}
            new = last if module in stars else self._in_full(today)
        elif old == source.old:
            new = text if source.is_module else self._local(source, today)
            self._need(source)
        elif source.today == source.old and _is_below(today, source.today):
            new = source.name + today.removeprefix(source.today or "")
            self._need(source)
        else:
            new = self._in_full(today)
        if new != text:
            self.expressions[node] = new

    def _local(self, source: Imported, today: str) -> str:
        """Return the name under which an imported name is known from now on."""
        last = today.rpartition(".")[2]
        if source.renames or last == source.name:
            return source.name
        scope = self.script.scope(self.script.module)
        taken = scope[last] if scope is not None else set()
        names = {each.today for each in self.imported if each.name == last}
        return source.name if taken and names != {today} else last

    def _in_full(self, today: str) -> str:
        module, _, last = today.rpartition(".")
        if today.startswith(PRIVATE_MODULES):
            self.findings.imports.add(f"from {module} import {last}")
            return last
        return self._keras() + today.removeprefix("keras")

    def _keras(self) -> str:
        """Return the name by which the script knows Keras, after asking for an import if it does not."""
        source = next((each for each in self.imported if each.old == "keras" and each.today == "keras"), None)
        if source is not None:
            self._need(source)
            return source.name
        self.findings.imports.add("import keras")
        return "keras"

    def keras(self) -> str:
        """Return the name by which the rewritten script knows Keras."""
        return self._keras()

    # Imports

    def _source_of(self, node: cst.CSTNode, root: str) -> Imported | None:
        full = self.script.full_name(node)
        owners = [each for each in self.imported if each.name == root]
        return next((each for each in owners if full is not None and each.leads_to(full)), None)

    def _need(self, source: Imported | None) -> None:
        if source is not None:
            self._needed |= {
                (each.node, each.name)
                for each in self.imported
                if each.name == source.name and each.old == source.old
            }

    def _plan_imports(self) -> ImportPlan:
        plan = ImportPlan()
        for each in self.imported:
            needed = (each.node, each.name) in self._needed
            if each.full == "tensorflow" and self._foreign.get(each.node):
                self._remark_on_tensorflow(each)
            if each.full.split(".")[0] in OTHER_ENGINES:
                self.findings.leave(each.node, _OTHER_ENGINE.format(each.full.split(".")[0]))
            if each.old is None:
                plan.keep(each, dropped=each.full == "tensorflow" and not needed)
            elif each.is_module:
                self._plan_module(plan, each, needed)
            else:
                self._plan_name(plan, each)
        return plan

    def _plan_module(self, plan: ImportPlan, each: Imported, needed: bool) -> None:
        is_there = each.today is not None and installed.is_module(each.today)
        if needed and not is_there:
            self.findings.leave(each.node, _NOT_IN_KERAS_3.format(each.old))
            plan.keep(each)
        elif needed or each.name == STAR or (each.old == each.today and not self._is_used_up(each)):
            plan.write(each, str(each.today))
        else:
            plan.keep(each, dropped=True)

    def _is_used_up(self, each: Imported) -> bool:
        """Return whether a module was used, and all its uses are written otherwise now."""
        return each.old != "keras" and any(
            (parts_of(node) or [""])[0] == each.name
            for node in [*self.expressions, *(call.func for call in self.templates)]
        )

    def _plan_name(self, plan: ImportPlan, each: Imported) -> None:
        old = str(each.old)
        today = today_of(old)
        if old in TEMPLATES:
            plan.keep(each, dropped=(each.node, each.name) not in self._needed)
        elif isinstance(today, Gone) or not installed.has(today):
            self.findings.leave(each.node, advice_for(old, today))
            self.findings.old()
            plan.keep(each)
        else:
            if today != old and not installed.has(old):
                self.findings.old()
            plan.write(each, today, self._local(each, today))

    def _remark_on_tensorflow(self, each: Imported) -> None:
        names = list(dict.fromkeys(self._foreign[each.node]))
        some = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
        self.findings.leave(
            each.node,
            f"The script also uses TensorFlow itself ({some}). On the PyTorch backend write keras.ops, or drop it.",
        )


def _is_below(name: str, module: str | None) -> bool:
    """Return whether a public name of Keras lies in a module."""
    return name.startswith(f"{module}.") and not name.startswith(PRIVATE_MODULES)


def advice_for(old: str, today: str | Gone) -> str:
    """Return what to say of a name that Keras 3 does not have."""
    said = _NOT_IN_KERAS_3.format(old)
    return f"{said} {today.advice}" if isinstance(today, Gone) else said


def _plain(call: cst.Call, template: str) -> bool:
    """Return whether a call has just the positional arguments that a template takes."""
    count = 2 if "{1}" in template else 1
    return len(call.args) == count and all(arg.keyword is None and not arg.star for arg in call.args)
