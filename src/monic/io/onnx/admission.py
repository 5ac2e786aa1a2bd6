"""Which nodes of a file are admitted: known operators, in known versions, with known attributes.

An attribute that the reader does not know may change what a node computes. So whatever is not in
the table of `forms` is refused.
"""

from collections.abc import Sequence

from monic.io.onnx.forms import FORMS, Form, Idle, Obeyed, OneOf, Rule
from monic.io.onnx.node import Attribute, Node

__all__ = ["admitted", "form_of", "objection"]


def admitted(node: Node) -> Node:
    """Returns a node of a file, marked with why it is refused if the table does not know it.

    Operators that are not in the table at all stay as they are; the reader says why it does not
    read them.
    """
    why = objection(node)
    return node if why is None else node.refused(why)


def objection(node: Node) -> str | None:
    """Returns why a node is not as the table has its operator; None when it is, or is not there.

    Example:
        >>> objection(Node("act", "Relu", ("x",), ("y",), {"alpha": 0.5}, 17))
        "its attribute 'alpha' is not known: Relu has none in version 17 of ONNX's operators"
    """
    if node.op not in FORMS:
        return None
    form = form_of(node.op, node.opset)
    if form is None:
        return f"version {node.opset} of ONNX's operators has no {node.op}"
    return _of_arity(node, form) or _of_attributes(node, form)


def form_of(op: str, opset: int) -> Form | None:
    """Returns what an operator is in a version of ONNX's operators; None when there is none."""
    past = [form for form in FORMS[op] if form.since <= opset]
    form = max(past, key=lambda form: form.since, default=None)
    return None if form is None or form.withdrawn else form


def _of_arity(node: Node, form: Form) -> str | None:
    least, most = form.inputs
    inputs, outputs = _count(node.inputs), _count(node.outputs)
    if inputs < least:
        return f"its input {inputs} is missing: {node.op} takes {least} or more"
    if inputs > most:
        return f"it takes {inputs} inputs, and {node.op} has {most} in version {node.opset}"
    if outputs > form.outputs:
        return f"it gives {outputs} outputs, and {form.outputs} of {node.op} are read"
    return None


def _count(names: Sequence[str]) -> int:
    """Returns how many inputs or outputs there are; those at the end that are left out are not."""
    return max((k for k, name in enumerate(names, 1) if name), default=0)


def _of_attributes(node: Node, form: Form) -> str | None:
    for name, value in node.attributes.items():
        rule = form.rules.get(name)
        why = _unknown(node, form, name) if rule is None else _against(rule, name, value)
        if why is not None:
            return why
    needed = {n for n, rule in form.rules.items() if isinstance(rule, Obeyed) and rule.required}
    missing = sorted(needed - set(node.attributes))
    return f"its attribute {missing[0]!r} is missing" if missing else None


def _unknown(node: Node, form: Form, name: str) -> str:
    known = ", ".join(sorted(form.rules)) or "none"
    return (
        f"its attribute {name[:60]!r} is not known: {node.op} has {known} in version {node.opset} "
        "of ONNX's operators"
    )


def _against(rule: Rule, name: str, value: Attribute) -> str | None:
    """Returns what a rule has against a value."""
    if isinstance(rule, Idle):
        return None
    if isinstance(value, type(None)):
        return f"its attribute {name!r} holds no number, word, list of numbers or dense tensor"
    if isinstance(rule, OneOf) and not any(_same(value, known) for known in rule.values):
        wanted = " or ".join(map(repr, rule.values))
        return f"its attribute {name!r} is {str(value)[:60]!r}, and {wanted} is read"
    return None


def _same(value: Attribute, known: Attribute) -> bool:
    return type(value) is type(known) and value == known
