"""Changes of parquet files that know their format: the footer and the headers of pages, in Thrift's compact protocol.

Each takes (random, content, content of another good file) and returns the content.
"""

import struct

from byte_mutations import BLIND, NUMBERS, flip

STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(13)


class Reader:
    """Thrift's compact protocol, read into lists: a struct is [(field, kind, value), ...]."""

    def __init__(self, content, place=0):
        self.content, self.place = content, place

    def number(self):
        value = shift = 0
        while True:
            byte = self.content[self.place]
            self.place += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def value(self, kind):
        if kind in (TRUE, FALSE):
            return kind == TRUE
        if kind == BYTE:
            self.place += 1
            return self.content[self.place - 1]
        if kind in (I16, I32, I64):
            number = self.number()
            return (number >> 1) ^ -(number & 1)
        if kind == DOUBLE:
            self.place += 8
            return self.content[self.place - 8 : self.place]
        if kind == BINARY:
            size = self.number()
            self.place += size
            return self.content[self.place - size : self.place]
        if kind in (LIST, SET):
            head = self.content[self.place]
            self.place += 1
            size = head >> 4 if head >> 4 < 15 else self.number()
            return [head & 15, [self.value(head & 15) for _ in range(size)]]
        if kind == STRUCT:
            return self.struct()
        raise ValueError(kind)

    def struct(self):
        fields, last = [], 0
        while head := self.content[self.place]:
            self.place += 1
            last = last + (head >> 4) if head >> 4 else self.value(I16)
            fields.append([last, head & 15, self.value(head & 15)])
        self.place += 1
        return fields


def varint(value):
    value, content = value % 2**64, b""
    while value > 127:
        content += bytes([value & 127 | 128])
        value >>= 7
    return content + bytes([value])


def written(kind, value):
    """Return a value in the compact protocol."""
    if kind in (TRUE, FALSE):
        return b""
    if kind == BYTE:
        return bytes([value % 256])
    if kind in (I16, I32, I64):
        return varint((value << 1) ^ (value >> 63))
    if kind == DOUBLE:
        return value
    if kind == BINARY:
        return varint(len(value)) + value
    if kind in (LIST, SET):
        inner, values = value
        head = (
            bytes([len(values) << 4 | inner])
            if len(values) < 15
            else bytes([0xF0 | inner]) + varint(len(values))
        )
        return head + b"".join(written(inner, each) for each in values)
    content, last = b"", 0
    for field, kind_of_field, each in value:
        kind_of_field = (TRUE if each else FALSE) if kind_of_field in (TRUE, FALSE) else kind_of_field
        delta = field - last
        content += (
            bytes([delta << 4 | kind_of_field])
            if 0 < delta < 16
            else bytes([kind_of_field]) + written(I16, field)
        )
        content += written(kind_of_field, each)
        last = field
    return content + b"\0"


def leaves(kind, value):
    """Yield (holder, place, kind) of every number, text and list below a value."""
    if kind == STRUCT:
        for field in value:
            yield field, 2, field[1]
            yield from leaves(field[1], field[2])
    elif kind in (LIST, SET):
        for place, each in enumerate(value[1]):
            yield value[1], place, value[0]
            yield from leaves(value[0], each)


def change_leaf(rng, value):
    """Change one or two values below a struct."""
    for _ in range(rng.randint(1, 2)):
        holder, place, kind = rng.choice(list(leaves(STRUCT, value)))
        old = holder[place]
        if kind in (I16, I32, I64):
            holder[place] = rng.choice([*NUMBERS, -1, -(2**31), -(2**63), old + 1, old * 2])
        elif kind == BINARY:
            holder[place] = rng.choice(
                [b"", b"\xff" * 9, b"x" * 10**5, b"label", b"image", flip(rng, old), old[: len(old) // 2]]
            )
        elif kind in (LIST, SET):
            values = old[1]
            old[1] = rng.choice([[], values * 2, values[::-1], values[:1], values * 50])
        elif kind in (TRUE, FALSE):
            holder[place] = not old
        elif kind == STRUCT and old and rng.random() < 0.5:
            del old[rng.randrange(len(old))]


def footer(content):
    size = int.from_bytes(content[-8:-4], "little")
    return Reader(content, len(content) - 8 - size).struct(), content[: len(content) - 8 - size]


def with_footer(body, value):
    packed = written(STRUCT, value)
    return body + packed + struct.pack("<I", len(packed)) + b"PAR1"


def change_footer(rng, content, _):
    value, body = footer(content)
    change_leaf(rng, value)
    return with_footer(body, value)


def change_page(rng, content, _):
    """Change the header of a page, and move the offsets behind it, so that it is reached."""
    value, body = footer(content)
    columns = [
        field[2]
        for group in dict_of(value)[4][1]
        for column in dict_of(group)[1][1]
        for field in column
        if field[0] == 3
    ]
    column = rng.choice(columns)
    places = [field[2] for field in column if field[0] in (9, 11)]
    place = rng.choice(places)
    reader = Reader(body, place)
    header = reader.struct()
    change_leaf(rng, header)
    packed = written(STRUCT, header)
    grown = len(packed) - (reader.place - place)
    for each in columns:
        for field in each:
            if field[0] in (9, 11) and field[2] > place:
                field[2] += grown
            if field[0] == 7 and each is column:
                field[2] += grown
    return with_footer(body[:place] + packed + body[reader.place :], value)


def dict_of(fields):
    return {field: value for field, _, value in fields}


PARQUET = (*BLIND, *(change_footer,) * 14, *(change_page,) * 18)
