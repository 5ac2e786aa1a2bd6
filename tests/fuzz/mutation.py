"""Changes of valid files that keep some of their structure: bytes, JSON, archives, protobuf."""

import io
import json
import random
import re
import zipfile
from collections.abc import Callable
from typing import Any

__all__ = [
    "Mutator",
    "archived",
    "bytewise",
    "in_proof",
    "json_changed",
    "mixed",
    "proto",
    "words",
]

Mutator = Callable[[random.Random, bytes], bytes]

_POSITIVE = (*(0, 1, 2, 3, 7, 8, 64, 127, 128, 255, 256), *(2**k for k in (15, 16, 31, 32, 40)))
_POSITIVE += (2**31 - 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 10**17, 10**19)
_NUMBERS = (*_POSITIVE, -1, -2, -(2**31), -(2**63))


def bytewise(rng: random.Random, data: bytes) -> bytes:
    """Bytes that are flipped, set, cut out, doubled, moved, or written over with a number."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        at, length = rng.randrange(len(found) + 1), rng.choice((1, 1, 2, 4, 8, 40))
        kind = rng.randrange(7)
        if kind == 0 and at < len(found):
            found[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(found):
            found[at] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        elif kind == 2:
            del found[at : at + length]
        elif kind == 3:
            found[at:at] = found[at : at + length] * rng.choice((1, 2, 30))
        elif kind == 4:
            start = rng.randrange(len(found) + 1)
            found[at : at + length] = found[start : start + length]
        elif kind == 5:
            size = rng.choice((1, 2, 4, 8))
            number = rng.choice(_NUMBERS) % 256**size
            found[at : at + size] = number.to_bytes(size, rng.choice(("little", "big")))
        else:
            del found[at:]
    return bytes(found)


def words(rng: random.Random, data: bytes) -> bytes:
    """Texts: words and numbers that are left out, doubled, exchanged, or replaced."""
    parts = re.split(rb"([\s()\[\]{}:,\"]+)", data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at, other = rng.randrange(len(parts)), rng.randrange(len(parts))
        kind = rng.randrange(6)
        if kind == 0:
            parts[at] = b""
        elif kind == 1:
            parts[at] = parts[at] * rng.choice((2, 3, 200))
        elif kind == 2:
            parts[at], parts[other] = parts[other], parts[at]
        elif kind == 3:
            parts[at] = str(rng.choice(_NUMBERS)).encode()
        elif kind == 4:
            parts[at] = rng.choice(
                (b"nan", b"inf", b"1e999", b"1e-999", b"-0", b"1/3", b"\xff", b"\0", b"9" * 5000)
            )
        else:
            parts[at] = rng.choice((b"(", b")", b"((((", b"[", b"{", b'"', b"\n")) * rng.choice(
                (1, 900)
            )
    return b"".join(parts)


def json_changed(rng: random.Random, value: Any) -> Any:
    """A JSON value that differs in a few places."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        value = _changed(rng, value)
    return value


def _changed(rng: random.Random, value: Any) -> Any:
    """The value with one change, somewhere inside."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        if rng.random() < 0.1:
            other = rng.choice(list(value))
            return {k: v for k, v in value.items() if k != key} | {other: value[key]}
        return value | {key: _changed(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        kind = rng.randrange(8)
        if kind == 0:
            return value[:at] + value[at + 1 :]
        if kind == 1:
            return value[:at] + [value[at]] * rng.choice((2, 3, 50)) + value[at + 1 :]
        if kind == 2:
            other = rng.randrange(len(value))
            return [*value[:at], value[other], *value[at + 1 :]]
        return [*value[:at], _changed(rng, value[at]), *value[at + 1 :]]
    return _other(rng, value)


def _other(rng: random.Random, value: Any) -> Any:
    """Another value, often of the same type."""
    if type(value) is int and rng.random() < 0.8:
        return value + rng.choice((-2, -1, 1, 2)) if rng.random() < 0.6 else rng.choice(_NUMBERS)
    if isinstance(value, str) and rng.random() < 0.8:
        number = rng.choice(("0", "1", "-1", "1/3", "-7/2", "1/0", "9" * 400, f"1/{10**300 + 7}"))
        return rng.choice((number, number, value[::-1], value + "0", "", "é😀", "9" * 5000))
    return rng.choice((None, True, 0, -1, 1.5, "", "0", [], {}, [[]], [0] * 30, [value, value]))


def in_proof(rng: random.Random, data: bytes) -> bytes:
    """A proof: its header as JSON, or its bytes."""
    version, _, rest = data.partition(b"\n")
    header, _, body = rest.partition(b"\n")
    kind = rng.random()
    if kind < 0.7:
        header = json.dumps(json_changed(rng, json.loads(header))).encode()
    elif kind < 0.8:
        header = words(rng, header)
    elif kind < 0.95 and body:
        body = bytewise(rng, body)
    else:
        return bytewise(rng, data)
    return version + b"\n" + header + b"\n" + body


def archived(inner: Mutator) -> Mutator:
    """Archives: members that are changed, left out, doubled, renamed or packed; or the bytes."""

    def change(rng: random.Random, data: bytes) -> bytes:
        if rng.random() < 0.3:
            return bytewise(rng, data)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
        at = rng.randrange(len(members))
        name, content = members[at]
        kind = rng.random()
        if kind < 0.7:
            members[at] = (name, inner(rng, content))
        elif kind < 0.8:
            del members[at]
        elif kind < 0.9:
            members.append(
                (rng.choice((name + "x", f"a/{name}", "data.pkl", "../x.npy")), content)
            )
        else:
            members[at] = (rng.choice(members)[0], content)
        return packed(members, rng)

    return change


def packed(members: list[tuple[str, bytes]], rng: random.Random) -> bytes:
    """An archive of members, most often as they were."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in dict(members).items():
            kinds = (
                zipfile.ZIP_STORED,
                zipfile.ZIP_STORED,
                zipfile.ZIP_STORED,
                zipfile.ZIP_DEFLATED,
            )
            archive.writestr(name, content, rng.choice(kinds))
    return stream.getvalue()


def proto(rng: random.Random, data: bytes) -> bytes:
    """Messages of protobuf: fields that are changed, left out, doubled, moved or renumbered."""
    fields = _fields(data)
    if not fields or rng.random() < 0.15:
        return bytewise(rng, data)
    at = rng.randrange(len(fields))
    number, wire, content = fields[at]
    kind = rng.random()
    if kind < 0.65:
        fields[at] = (number, wire, _content(rng, wire, content))
    elif kind < 0.75:
        del fields[at]
    elif kind < 0.85:
        fields[at:at] = [fields[at]] * rng.choice((1, 2, 40))
    elif kind < 0.95:
        fields[at] = fields[rng.randrange(len(fields))]
    else:
        fields[at] = (rng.randrange(1, 30), wire, content)
    return b"".join(_written(*field) for field in fields)


def _content(rng: random.Random, wire: int, content: bytes) -> bytes:
    if wire == 0:
        return _varint(rng.choice(_NUMBERS) % 2**64)
    if wire == 2 and len(content) > 1 and rng.random() < 0.8:
        return proto(rng, content)
    return bytewise(rng, content)


def _fields(data: bytes) -> list[tuple[int, int, bytes]]:
    """The fields (number, wire type, content); [] when it is no message."""
    found: list[tuple[int, int, bytes]] = []
    at = 0
    while at < len(data):
        key, at = _read(data, at)
        wire = key & 7
        if wire == 0:
            end = _read(data, at)[1]
        elif wire == 2:
            size, at = _read(data, at)
            end = at + size
        else:
            end = at + {1: 8, 5: 4}.get(wire, 2**63)
        if at < 0 or end < at or end > len(data) or not key >> 3:
            return []
        found.append((key >> 3, wire, data[at:end]))
        at = end
    return found


def _read(data: bytes, at: int) -> tuple[int, int]:
    """A varint and its end, which is -1 when there is none."""
    value = 0
    for k, byte in enumerate(data[at : at + 10]):
        value |= (byte & 127) << 7 * k
        if byte < 128:
            return value, at + k + 1
    return 0, -1


def _varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


def _written(number: int, wire: int, content: bytes) -> bytes:
    size = _varint(len(content)) if wire == 2 else b""
    return _varint(8 * number + wire) + size + content


def mixed(*mutators: Mutator) -> Mutator:
    """One of several kinds of changes."""
    return lambda rng, data: rng.choice(mutators)(rng, data)
