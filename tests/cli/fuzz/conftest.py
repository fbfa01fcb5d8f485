"""5,000 hostile inputs: each is refused in one message or read, and nothing else happens.

Here: valid bytes → hostile ones, drawn by a `random.Random`, and commands that are watched.
"""

import copy
import hashlib
import json
import math
import random
import re
from types import SimpleNamespace

import pytest
import tomli_w

NUMBERS = (
    *("NaN", "1e999", "-1e999", "inf", "9" * 400, "-0", "1e-400", "0x10", "1_000", "\u0663"),
    *("99999999999999999999", "-9223372036854775809", "1.7976931348623157e309", "007", "+5", "4,5"),
)
TEXTS = (
    *(
        "",
        " ",
        "null",
        "true",
        "\0",
        "\ufeff",
        "\x1b]0;x\x07",
        "\u202e",
        "=1+1",
        "../../x",
        "%s%n{0}",
    ),
    *(
        "\u2028",
        "\x85",
        "\x1a",
        "'",
        '"',
        '""',
        "\\",
        "a\nb",
        "\r",
        "~root",
        "~nobody/x",
        "[red]",
        "$x$",
    ),
)
BYTES = (
    *(
        b"\xed\xa0\x80",
        b"\xff",
        b"\xc3",
        b"\x00",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xf4\x90\x80\x80",
    ),
    *(b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"PAR1", b"[" * 5000, b'{"a":' * 5000),
)
VALUES = (
    *(None, True, False, -1, 0, 1, 2**31, 2**63, 10**30, 1e308, 0.5, -0.0, math.nan, math.inf),
    *("", "x", "\0", "\ud800", "1", "NaN", "../../x", [], {}, [[]], [None], {"": None}, [1, "a"]),
    *("a" * 5000, "~nobody/x", "sum", "rating", "user_id", "1990-01-01", ["user_id", "user_id"]),
)


def _bytes(data, draw):
    """Bytes cut, flipped, spliced, or with a few hostile ones in between."""
    at, end = sorted((draw.randrange(len(data) + 1), draw.randrange(len(data) + 1)))
    place = draw.randrange(len(data))
    flipped = bytearray(data)
    for _ in range(draw.choice((1, 1, 3, 20))):
        flipped[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return draw.choice(
        (
            data[:at],
            bytes(flipped),
            data[:at] + data[end:],
            data[:end] + data[at:],
            data[:place] + data[at:end] + data[place + end - at :],
            data[:at] + draw.choice(BYTES) + data[at:],
            draw.randbytes(end - at) + data[end:],
            data[:at] + b"\0" * (end - at) + data[end:],
        )
    )


def _text(data, draw):
    """Text with another number, field, row, header, line end or encoding; or changed as bytes."""
    return draw.choice(_TEXTS)(data, draw)


def _numbers(data, draw):
    number = rb"\d+(\.\d+)?"
    return re.sub(number, lambda _: draw.choice(NUMBERS).encode(), data, count=draw.randrange(1, 9))


def _field(data, draw):
    fields = re.split(rb"([,;\t|\n])", data)
    new = (*(one.encode() for one in (*NUMBERS, *TEXTS)), *BYTES)
    fields[2 * draw.randrange((len(fields) + 1) // 2)] = draw.choice(new)
    return b"".join(fields)


def _rows(data, draw):
    lines = data.split(b"\n")
    lines[draw.randrange(len(lines))] = draw.choice(lines)
    if draw.random() < 0.5:
        draw.shuffle(lines)
    return b"\n".join(lines)


def _header(data, draw):
    first, end, rest = data.partition(b"\n")
    names = first.split(b",")
    names[draw.randrange(len(names))] = draw.choice(names)
    return b",".join(names) + end + rest


def _line_ends(data, draw):
    ends = (b"\n", b"\r\n", b"\r", b"\n\n", b"\n\r")
    return b"".join(line + draw.choice(ends) for line in data.split(b"\n"))


def _encoding(data, draw):
    others = ("utf-16", "utf-32", "cp500", "utf-8-sig")
    return data.decode("utf-8", "replace").encode(draw.choice(others))


def _separator(data, draw):
    return data.replace(b",", draw.choice((b";", b"\t", b"|", b" ", b"::", b",,", b'","')))


def _length(data, draw):
    return data.replace(b"u1", b"u" * draw.choice((200, 5000, 2**20)), 1)


_TEXTS = (
    *(_numbers, _field, _field, _rows, _header, _line_ends, _encoding, _separator, _bytes, _bytes),
    *(_numbers, _field, _field, _rows, _header, _line_ends, _length, _separator, _bytes, _bytes),
)


def _values(tree, draw):
    """A tree of JSON or TOML in which a few values are others, gone or under another name."""
    tree = json.loads(json.dumps(tree))
    for _ in range(draw.choice((1, 1, 2, 4))):
        places = list(_places(tree))
        if not places:
            break
        parent, key = draw.choice(places)
        kind = draw.randrange(6)
        if kind == 0:
            del parent[key]
        elif kind == 1 and isinstance(parent, dict):
            parent[draw.choice(("", "x", "name", key + "s"))] = parent.pop(key)
        elif kind == 2:
            parent[key] = draw.choice(places)[0]
            tree = json.loads(_cut(tree))
        else:
            parent[key] = copy.deepcopy(draw.choice(VALUES))  # what is in one is changed, too
    return tree


def _places(tree):
    """(parent, key) of every value."""
    for key in tree if isinstance(tree, dict) else range(len(tree)):
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from _places(tree[key])


def _cut(tree):
    """JSON of a tree that may hold itself: where it does, it is empty."""

    def copy(value, above):
        if isinstance(value, dict | list) and id(value) in above:
            return None
        inner = above | {id(value)}
        if isinstance(value, dict):
            return {key: copy(one, inner) for key, one in value.items()}
        return [copy(one, inner) for one in value] if isinstance(value, list) else value

    return json.dumps(copy(tree, frozenset()))


def _toml(tree):
    """TOML without what it has no word for."""

    def kept(value):
        if isinstance(value, dict):
            return {key: kept(one) for key, one in value.items() if one is not None}
        if isinstance(value, list):
            return [kept(one) for one in value if one is not None]
        return value

    return tomli_w.dumps(kept(tree)).encode("utf-8", "surrogatepass")


def _contents(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="session")
def mutate():
    """Hostile bytes, texts, and trees of values; each is called with the valid one and a draw."""
    return SimpleNamespace(bytes=_bytes, text=_text, values=_values, toml=_toml)


@pytest.fixture(scope="session")
def fuzz():
    """Carries out `n` cases, each of a randomness of its own, which say what was amiss or None."""

    def run(name, n, carry_out):
        found = {
            number: carry_out(random.Random(f"{name} {number}"), number) for number in range(n)
        }
        amiss = {number: one for number, one in found.items() if one is not None}
        told = "\n".join(f"{number}: {one}" for number, one in amiss.items())
        assert not amiss, f"{len(amiss)} of {n}:\n{told}"

    return run


@pytest.fixture
def attempt(cli, tmp_path, monkeypatch):
    """A command in the test's own folder → what it did, and what was amiss.

    Amiss is an exception, an exit code but 0 and 2, a 2 without a word, and a file gone or changed
    below another name than those that the command `writes`.
    """
    monkeypatch.chdir(tmp_path)

    def run(*arguments, writes=()):
        before = _contents(tmp_path)
        try:
            done = cli(*arguments)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return None, f"{type(error).__name__}: {str(error)[:300]}"  # Polars panics with one
        if done.code not in (0, 2) or (done.code == 2) != ("Error: " in done.err):
            return done, f"exit code {done.code}: {done.err[-300:]}"
        after = _contents(tmp_path)
        changed = {name for name in before | after if before.get(name) != after.get(name)}
        other = {name for name in changed if name.split("/")[0] not in writes}
        return done, f"wrote or removed {other}" if other else None

    return run
