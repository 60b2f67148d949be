"""Changes of files that know nothing of their format: (random, content, content of another good file) -> content."""

NUMBERS = (
    0, 1, 2, 3, 4, 7, 8, 9, 16, 17, 127, 128, 255, 256, 257, 1000, 4095, 8191, 9459, 9460, 16383, 16384, 32767, 32768,
    65535, 65536, 10**6, 2**24 - 1, 2**24, 2**28, 2**30, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1, 2**40, 2**62,
    2**63 - 1, 2**63, 2**64 - 1,
)  # fmt: skip
"""Sizes, counts and offsets at which programs break."""


def flip(rng, content, _=b"", most=8):
    content = bytearray(content)
    for _number in range(rng.randint(1, most)):
        if content:
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def flip_at_the_beginning(rng, content, _):
    end = rng.choice([16, 64, 200])
    return flip(rng, content[:end], most=3) + content[end:]


def truncate(rng, content, _):
    return content[: rng.randrange(len(content) + 1)]


def cut_out(rng, content, _):
    begin = rng.randrange(len(content) + 1)
    return content[:begin] + content[begin + rng.choice([1, 2, 4, 100, 1000]) :]


def insert(rng, content, _):
    begin = rng.randrange(len(content) + 1)
    filler = rng.choice([b"\0", b"\xff", b"\n", b"%", b"A", b"\x80", rng.randbytes(1)])
    return content[:begin] + filler * rng.choice([1, 2, 4, 1000, 100_000]) + content[begin:]


def overwrite(rng, content, _):
    begin, length = rng.randrange(len(content) + 1), rng.randint(1, 64)
    filler = rng.choice([b"\0", b"\xff", rng.randbytes(1)])
    return content[:begin] + filler * len(content[begin : begin + length]) + content[begin + length :]


def splice(rng, content, other):
    return content[: rng.randrange(len(content) + 1)] + other[rng.randrange(len(other) + 1) :]


def double(rng, content, other):
    return content + rng.choice([content, other])


def set_number(rng, content, _, until=None):
    """Write an odd number over some bytes, in either order of bytes."""
    size = rng.choice([1, 2, 4, 4, 8])
    begin = rng.randrange(max(min(len(content), until or len(content)) - size, 1))
    number = (rng.choice(NUMBERS) % 256**size).to_bytes(size, rng.choice(["big", "little"]))
    return content[:begin] + number + content[begin + size :]


def set_number_at_the_beginning(rng, content, _):
    return set_number(rng, content, b"", rng.choice([32, 64, 256]))


def another_file(_, __, other):
    return other


def nothing(*_):
    return b""


BLIND = (
    flip, flip_at_the_beginning, truncate, cut_out, insert, overwrite, splice, double, set_number, set_number,
    set_number_at_the_beginning, another_file, nothing,
)  # fmt: skip
