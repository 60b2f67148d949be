"""One script rewritten: what each rule says, put into the tree.

A script is looked through twice. What the first look finds out about its age decides in the second what is meant by
forms that are right in old and in new Keras, with another meaning.
"""

from dataclasses import dataclass

import libcst as cst

from tellapart.old_keras.accuracy import rename_keys
from tellapart.old_keras.alignment import aligned
from tellapart.old_keras.backend_choice import choose_torch
from tellapart.old_keras.blocks import edited_body, edited_suite, with_new_imports
from tellapart.old_keras.call import ArgumentList, expression
from tellapart.old_keras.context import Context
from tellapart.old_keras.file_names import rename_files
from tellapart.old_keras.findings import Age, Findings, Remark
from tellapart.old_keras.iterator_calls import attribute, endless_loop, next_call
from tellapart.old_keras.layer_calls import layer_call, same_quotes
from tellapart.old_keras.learning_rate import rate_today, variable_call
from tellapart.old_keras.merge_calls import merge_call
from tellapart.old_keras.model_calls import model_call
from tellapart.old_keras.optimizer_calls import optimizer_call
from tellapart.old_keras.own_layers import add_weight, attribute_today, list_of_weights, method_today
from tellapart.old_keras.script import Script, text_of

_DIM_ORDERING = {"th": "channels_first", "tf": "channels_last"}


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A script in today's form."""

    text: str
    remarks: tuple[Remark, ...]
    uses_keras: bool


def rewrite(text: str, is_python_2: bool = False) -> Rewritten:
    """Return a script as it is written today.

    Raises:
        libcst.ParserSyntaxError: it is not Python 3.
    """
    module = cst.parse_module(text)
    age = Age(is_python_2=is_python_2)
    context, done = _look(module, age)
    while (found := context.findings.age(is_python_2)) != age:  # older than it was taken for
        age = found
        context, done = _look(module, age)
    uses = context.references.uses_keras
    return Rewritten(
        done.code if uses else text, tuple(sorted(context.findings.remarks)) if uses else (), uses
    )


def _look(module: cst.Module, age: Age) -> tuple[Context, cst.Module]:
    script = Script(module)
    context = Context(script, Findings(script), age)
    rename_files(context)
    rename_keys(context)
    choose_torch(context)
    return context, script.module.visit(_Rewriting(context))


class _Rewriting(cst.CSTTransformer):
    """Puts today's forms into the tree, from the inside out."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        return self._named(original_node, updated_node)

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        new = self._named(original_node, updated_node)
        if new is not updated_node:
            return new
        context = self.context
        name = (
            attribute(context, original_node)
            or rate_today(context, original_node)
            or attribute_today(context, original_node)
        )
        return updated_node if name is None else updated_node.with_changes(attr=cst.Name(name))

    def _named(self, original: cst.Name | cst.Attribute, updated: cst.BaseExpression) -> cst.BaseExpression:
        text = self.context.references.expressions.get(original)
        if text is None:
            return updated
        return expression(text).with_changes(lpar=original.lpar, rpar=original.rpar)

    def leave_SimpleString(
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.BaseExpression:
        new = self.context.findings.strings.get(original_node)
        return updated_node if new is None else updated_node.with_changes(value=new)

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        new = self._called(original_node, updated_node)
        return aligned(self.context.script, original_node, new)

    def _called(self, original: cst.Call, updated: cst.Call) -> cst.BaseExpression:
        context, args = self.context, ArgumentList(updated)
        template = context.references.templates.get(original)
        if template is not None:
            return expression(template.format(*(text_of(arg.value) for arg in updated.args)))
        if original in context.references.merges:
            return merge_call(context, original, args) or updated
        new = (
            next_call(context, original)
            or variable_call(context, original, updated)
            or add_weight(context, original, args)
            or model_call(context, original, args)
        )
        if new is not None:
            return new
        today = context.today(original.func)
        if today is None:
            return updated
        layer_call(context, original, args, today)
        optimizer_call(context, original, args, today)
        if (context.script.old_name(original.func) or "").endswith(".set_image_dim_ordering"):
            _data_format(args)
        return args.done()

    def leave_Comparison(
        self, original_node: cst.Comparison, updated_node: cst.Comparison
    ) -> cst.BaseExpression:
        left = original_node.left
        old = self.context.script.old_name(left.func) if isinstance(left, cst.Call) else None
        if old is None or not old.endswith(".image_dim_ordering"):
            return updated_node
        targets = [
            each.with_changes(comparator=_today_of_ordering(each.comparator))
            for each in updated_node.comparisons
        ]
        return updated_node.with_changes(comparisons=targets)

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        new = method_today(self.context, original_node)
        return updated_node if new is None else updated_node.with_changes(name=cst.Name(new))

    def visit_Assign(self, node: cst.Assign) -> None:
        list_of_weights(self.context, node)

    def leave_For(self, original_node: cst.For, updated_node: cst.For) -> cst.For:
        new = endless_loop(self.context, original_node)
        return updated_node if new is None else updated_node.with_changes(iter=new)

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        return updated_node.with_changes(
            body=edited_body(self.context, original_node.body, updated_node.body, True)
        )

    def leave_SimpleStatementSuite(
        self, original_node: cst.SimpleStatementSuite, updated_node: cst.SimpleStatementSuite
    ) -> cst.SimpleStatementSuite:
        return edited_suite(self.context, original_node, updated_node)

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:
        body = edited_body(self.context, original_node.body, updated_node.body, False)
        body = with_new_imports(self.context, original_node, body)
        return updated_node.with_changes(body=body)


def _today_of_ordering(node: cst.BaseExpression) -> cst.BaseExpression:
    text = node.evaluated_value if isinstance(node, cst.SimpleString) else None
    return same_quotes(node, _DIM_ORDERING[str(text)]) if text in _DIM_ORDERING else node


def _data_format(args: ArgumentList) -> None:
    for place, value in enumerate(args.positional):
        args.set(place, _today_of_ordering(value))
