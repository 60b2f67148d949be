"""Names of Python 2: built-in functions, methods of dicts and modules that Python 3 calls otherwise.

A name counts as Python's own where the script binds nothing to it. Of a `try` that imports one or the other module
nothing is touched.
"""

from collections.abc import Sequence

import libcst as cst
from libcst import matchers as m

from tellapart.old_keras.call import expression
from tellapart.old_keras.context import Context
from tellapart.old_keras.script import text_of

BUILT_IN = {
    "xrange": "range",
    "raw_input": "input",
    "unicode": "str",
    "basestring": "str",
    "long": "int",
    "unichr": "chr",
    "reduce": "reduce",
}
"""Function of Python 2 -> Python 3's."""

FULL = {
    "sys.maxint": "sys.maxsize",
    "itertools.izip": "zip",
    "itertools.imap": "map",
    "itertools.ifilter": "filter",
    "six.moves.xrange": "range",
}
"""Full name -> what is written for it."""

MODULES = {
    "cPickle": "pickle",
    "Queue": "queue",
    "ConfigParser": "configparser",
    "StringIO": "io",
    "cStringIO": "io",
    "Tkinter": "tkinter",
    "urlparse": "urllib.parse",
    "httplib": "http.client",
}
"""Module of Python 2 -> Python 3's, with the same names in it."""

METHODS = {
    **{f"{prefix}{what}": what for prefix in ("iter", "view") for what in ("items", "keys", "values")},
}
"""Method of a dict, without arguments -> Python 3's."""

ADVICE = {
    "file": "Write open.",
    "reload": "Write importlib.reload.",
    "execfile": "Write exec(open(path).read()).",
    "cmp": "Write (a > b) - (a < b), or sort with key=.",
    "apply": "Call the function: f(*args).",
    "urllib2": "Import urllib.request and write urllib.request.urlopen.",
    "urllib.urlretrieve": "Import urllib.request and write urllib.request.urlretrieve.",
    "urllib.urlopen": "Import urllib.request and write urllib.request.urlopen.",
    "urllib.urlencode": "Import urllib.parse and write urllib.parse.urlencode.",
    "urllib.quote": "Import urllib.parse and write urllib.parse.quote.",
    "itertools.izip_longest": "Write itertools.zip_longest.",
    "sys.setdefaultencoding": "Drop the line: text is Unicode.",
    "os.getcwdu": "Write os.getcwd.",
}
"""What Python 3 does not have -> what to write. Names of modules in full."""

_PICKLE = "A file that Python 2 pickled needs encoding='latin1', and is opened with 'rb'."
_NEXT = "Python 3's iterators have no method next: write next({})."
_LISTS = m.Call(func=m.Name("map") | m.Name("filter") | m.Name("zip"))
_VIEWS = m.Call(func=m.Attribute(attr=m.Name("keys") | m.Name("values") | m.Name("items")), args=[])
_RANGE = m.Call(func=m.Name("range"))
_TAKERS = (
    "list",
    "tuple",
    "set",
    "dict",
    "sum",
    "sorted",
    "max",
    "min",
    "any",
    "all",
    "zip",
    "map",
    "filter",
    "enumerate",
)
_GOES_THROUGH = m.Call(func=m.Attribute(attr=m.Name("join"))) | m.Call(
    func=m.OneOf(*(m.Name(name) for name in _TAKERS))
)
"""Calls that take what a list gives one at a time."""


def name_today(context: Context, node: cst.Name | cst.Attribute) -> str | None:
    """Return what is written for a name of Python 2; name what has no equal."""
    script = context.script
    if not script.is_use(node):
        return None
    full = script.full_name(node)
    name = node.value if isinstance(node, cst.Name) and script.is_unbound(node) else full
    if name is None or name.startswith("keras."):
        return None
    if name in FULL:
        context.findings.is_python_2 = context.findings.is_python_2 or not name.startswith("six.")
        return FULL[name]
    if full is None and name in BUILT_IN:
        context.findings.is_python_2 = context.findings.is_python_2 or name != "reduce"
        if name == "reduce":
            context.findings.imports.add("from functools import reduce")
        return BUILT_IN[name] if BUILT_IN[name] != name else None
    if name in ADVICE and name != "urllib2":
        context.findings.leave(node, f"{name} is gone in Python 3. {ADVICE[name]}")
    return None


def call_today(context: Context, original: cst.Call, updated: cst.Call) -> cst.BaseExpression | None:
    """Return what is written for a call of a method of Python 2, and for a list that is none in Python 3."""
    func = original.func
    _name_pickle(context, original)
    if context.age.is_python_2 and _needs_list(context, original):
        return expression(f"list({text_of(updated)})")
    if not isinstance(func, cst.Attribute) or context.models.is_own(func.value):
        return None
    new = _method_today(context, original, updated)
    if new is not None and context.models.has_own_method(func.attr.value):
        context.findings.leave(original, f"If this is a dict, write {text_of(new)}.")
        return None
    context.findings.is_python_2 = context.findings.is_python_2 or new is not None
    if func.attr.value == "next" and not original.args and context.age.is_python_2:
        context.findings.leave(original, _NEXT.format(text_of(func.value)))
    return new


def _method_today(context: Context, original: cst.Call, updated: cst.Call) -> cst.BaseExpression | None:
    """Return what is written for a call of a method of Python 2's dicts."""
    assert isinstance(updated.func, cst.Attribute)
    name = updated.func.attr.value
    if name in METHODS and not original.args:
        return updated.with_changes(func=updated.func.with_changes(attr=cst.Name(METHODS[name])))
    if name == "has_key" and len(original.args) == 1:
        inside = f"{text_of(updated.args[0].value)} in {text_of(updated.func.value)}"
        stands_alone = isinstance(
            context.script.parent(original), cst.If | cst.While | cst.Assert | cst.Assign
        )
        return expression(inside if stands_alone else f"({inside})")
    return None


def _name_pickle(context: Context, call: cst.Call) -> None:
    full = context.script.full_name(call.func) or ""
    is_load = full in ("cPickle.load", "cPickle.loads", "pickle.load", "pickle.loads")
    is_told = any(arg.keyword is not None and arg.keyword.value == "encoding" for arg in call.args)
    if is_load and not is_told and (context.age.is_python_2 or full.startswith("cPickle")):
        context.findings.leave(call, _PICKLE)


def _needs_list(context: Context, call: cst.Call) -> bool:
    """Return whether a call made a list in Python 2, and more is done with it than to go through it once."""
    parent = context.script.parent(call)
    is_built_in = isinstance(call.func, cst.Name) and context.script.is_unbound(call.func)
    if m.matches(call, _VIEWS):
        return isinstance(parent, cst.Subscript | cst.BinaryOperation)
    if m.matches(call, _RANGE):
        return is_built_in and isinstance(parent, cst.Assign | cst.BinaryOperation)
    if not is_built_in or not m.matches(call, _LISTS) or isinstance(parent, cst.For | cst.CompFor | cst.Expr):
        return False
    outer = context.script.parent(parent) if isinstance(parent, cst.Arg) else None
    is_gone_through = m.matches(outer, _GOES_THROUGH) if outer is not None else False
    return not is_gone_through and not (isinstance(parent, cst.Arg) and parent.star)


def import_today(
    context: Context, node: cst.BaseSmallStatement, original: cst.CSTNode
) -> cst.BaseSmallStatement | None:
    """Return an import of a module of Python 2 as Python 3 has it; None if nothing of it is left."""
    if not isinstance(node, cst.Import | cst.ImportFrom) or isinstance(node.names, cst.ImportStar):
        return node
    if any(isinstance(above, cst.Try) for above in context.script.above(original)):
        return node
    if isinstance(node, cst.ImportFrom):
        return _from_import_today(context, node, node.names)
    names = [_alias_today(context, alias) for alias in node.names]
    for alias in node.names:
        if text_of(alias.name) in ADVICE:
            context.findings.leave(
                original, f"{text_of(alias.name)} is gone in Python 3. {ADVICE[text_of(alias.name)]}"
            )
    return node.with_changes(names=names) if names != list(node.names) else node


def _from_import_today(
    context: Context, node: cst.ImportFrom, names: Sequence[cst.ImportAlias]
) -> cst.BaseSmallStatement | None:
    module = text_of(node.module) if node.module is not None and not node.relative else ""
    if module in MODULES:
        context.findings.is_python_2 = True
        return node.with_changes(module=cst.parse_expression(MODULES[module]))
    kept = [alias for alias in names if f"{module}.{text_of(alias.name)}" not in FULL or module == "sys"]
    if len(kept) == len(names):
        return node
    if kept:
        kept[-1] = kept[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return node.with_changes(names=kept) if kept else None


def _alias_today(context: Context, alias: cst.ImportAlias) -> cst.ImportAlias:
    new = MODULES.get(text_of(alias.name))
    if new is None:
        return alias
    context.findings.is_python_2 = True
    bound = alias.asname or cst.AsName(cst.Name(text_of(alias.name)))
    return alias.with_changes(
        name=cst.parse_expression(new), asname=None if text_of(bound.name) == new else bound
    )
