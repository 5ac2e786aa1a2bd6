"""Which tensors a pickle of torch names: instructions, for a machine that calls nothing.

The codes are those of pickle protocols 2 to 5, apart from what no file of torch has.
"""

import struct
from collections.abc import Callable

from monic_checker.errors import UnreadableModel
from monic_checker.pickled import OPAQUE, Global, Machine, Record

__all__ = ["records"]


def records(data: bytes) -> list[tuple[str, Record]]:
    """Returns the tensors with their names in the dict that holds them.

    Raises:
        UnreadableModel: when it is no pickle of the kind that torch writes.
    """
    machine = Machine(data)
    try:
        while (code := machine.take(1)[0]) != _STOP:
            _INSTRUCTIONS[code](machine)
    except KeyError as error:
        reason = f"unknown instruction or place {error}"
        raise UnreadableModel(f"byte {machine.at} of the pickle", reason) from None
    except (IndexError, OverflowError, TypeError, ValueError, struct.error) as error:
        reason = f"broken: {error!a:.200}"
        raise UnreadableModel(f"byte {machine.at} of the pickle", reason) from None
    return machine.found


_Action = Callable[[Machine], object]
_STOP = ord(".")


def _number(form: str) -> _Action:
    return lambda m: m.stack.append(m.number(form))


def _text(form: str) -> _Action:
    return lambda m: m.stack.append(m.text(form))


def _constant(value: object) -> _Action:
    return lambda m: m.stack.append(value)


def _tuple(count: int) -> _Action:
    return lambda m: m.stack.append(tuple(m.last(count)))


def _put(form: str) -> _Action:
    return lambda m: m.memo.__setitem__(m.number(form), m.stack[-1])


def _get(form: str) -> _Action:
    return lambda m: m.stack.append(m.memo[m.number(form)])


def _skip(form: str) -> _Action:
    def skip(m: Machine) -> None:
        m.take(m.number(form))
        m.stack.append(OPAQUE)

    return skip


def _long(m: Machine) -> None:
    m.stack.append(int.from_bytes(m.take(m.number("B")), "little", signed=True))


def _global(m: Machine) -> None:
    m.stack.append(Global(f"{m.line()}.{m.line()}"))


def _stack_global(m: Machine) -> None:
    module, name = m.last(2)
    if not isinstance(module, str) or not isinstance(name, str):
        raise TypeError("a name that is no text")
    m.stack.append(Global(f"{module}.{name}"))


def _object(m: Machine) -> None:
    m.last(3)
    m.stack.append(OPAQUE)


def _collect(m: Machine) -> None:
    m.marked()
    m.stack.append(OPAQUE)


_INSTRUCTIONS: dict[int, _Action] = {
    0x80: lambda m: m.take(1),  # PROTO
    0x95: lambda m: m.take(8),  # FRAME
    ord("("): lambda m: m.marks.append(len(m.stack)),
    ord("0"): lambda m: m.last(1),
    ord("1"): lambda m: m.marked(),
    # values
    ord("N"): _constant(None),
    0x88: _constant(True),
    0x89: _constant(False),
    ord("K"): _number("B"),
    ord("M"): _number("H"),
    ord("J"): _number("i"),
    0x8A: _long,
    ord("G"): _number("d"),  # with its bytes swapped: no size of a tensor is a float
    ord("X"): _text("I"),
    0x8C: _text("B"),
    ord("B"): _skip("I"),
    ord("C"): _skip("B"),
    # tuples and containers
    ord(")"): _constant(()),
    ord("t"): lambda m: m.stack.append(tuple(m.marked())),
    0x85: _tuple(1),
    0x86: _tuple(2),
    0x87: _tuple(3),
    ord("]"): _constant(OPAQUE),
    ord("}"): _constant(OPAQUE),
    0x8F: _constant(OPAQUE),
    ord("l"): _collect,
    ord("d"): _collect,
    0x91: _collect,
    ord("a"): lambda m: m.last(1),
    ord("e"): lambda m: m.marked(),
    0x90: lambda m: m.marked(),
    ord("s"): lambda m: m.set_items(m.last(2)),
    ord("u"): lambda m: m.set_items(m.marked()),
    # the memo
    ord("q"): _put("B"),
    ord("r"): _put("I"),
    0x94: lambda m: m.memo.__setitem__(len(m.memo), m.stack[-1]),
    ord("h"): _get("B"),
    ord("j"): _get("I"),
    # what would import and call
    ord("c"): _global,
    0x93: _stack_global,
    ord("Q"): Machine.store,
    ord("R"): Machine.call,
    0x81: Machine.call,
    0x92: _object,
    ord("b"): lambda m: m.last(1),
}
