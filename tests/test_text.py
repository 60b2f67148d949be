"""Names from strangers: shown without harm, written without loss, and not run by a spreadsheet."""

import csv
import io

import pytest

from tellapart.data.csv_file import csv_rows
from tellapart.text import (
    amount_of_bytes,
    as_bytes,
    csv_line,
    file_name,
    natural_key,
    on_page,
    one_line,
    packed_natural_key,
    printable,
    short_name,
    storable,
)

NAMES = [
    "cat",
    "two\nlines",
    "a\rreturn",
    "a\ttab",
    "\x1b[2Jclears",
    "\u202egnp.tac",
    "caf\udce9",
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "'=quoted",
    "''+twice",
    "'just an apostrophe",
    "-5",
    "1e-5",
    " spaces ",
    'a "quote", a comma',
    "é",
    "e\u0301",
    "語" * 85,
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_a_csv_file_comes_back_as_it_was(tmp_path, name):
    path = tmp_path / "names.csv"
    path.write_bytes(as_bytes(csv_line(["file", "label"]) + csv_line([name, name])))
    (_, header), (_, row) = csv_rows(path)
    assert header == ["file", "label"]
    assert row == [name, name]


def test_only_what_a_spreadsheet_would_run_gets_an_apostrophe():
    shown = {name: next(csv.reader(io.StringIO(csv_line([name]), newline="")))[0] for name in NAMES}
    defused = {"=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "'=quoted", "''+twice"}
    assert {name for name, cell in shown.items() if cell != name} == defused
    assert all(cell == f"'{name}" for name, cell in shown.items() if name in defused)


def test_numbers_are_written_as_numbers():
    assert csv_line([-0.5, 1e-5, 3, None, True]) == "-0.5,1e-05,3,,True\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_terminal_gets_nothing_that_it_would_obey(name):
    assert one_line(name).isprintable()
    assert printable(name).replace("\n", "").isprintable()
    assert not any(c in on_page(name) for c in "\x1b\u202e\udce9\r")


def test_what_is_harmless_is_shown_as_it_is():
    for name in ("café", "語", "a b", "Photo\u00a01", "👩"):
        assert one_line(name) == on_page(name) == name
    assert one_line("a\x1b[2J\nb\udcff") == "a\\x1b[2J\\nb\\xff"
    assert on_page("a\u200db") == "a\u200db"  # joins letters of some languages


def test_half_a_character_is_replaced_and_a_byte_is_kept():
    assert storable("a\ud800\udcff") == "a\ufffd\udcff"
    assert as_bytes(storable("\udfff")) == "\ufffd".encode()


def test_a_name_becomes_part_of_a_file_name():
    assert file_name("my\n../pictures\x1b") == "my-..-pictures"
    assert file_name("\udcff") == file_name("..") == "unnamed"
    assert len(file_name("語" * 300).encode()) <= 200


def test_names_with_digits_of_any_script_and_any_length_are_sorted():
    names = ["a10", "a2", "a\u0661", "a" + "9" * 5000]
    assert sorted(names, key=natural_key) == ["a\u0661", "a2", "a10", "a" + "9" * 5000]


def test_the_packed_key_orders_as_the_natural_key():
    names = [
        "a",
        "A",
        "a1",
        "a01",
        "a1b",
        "a\x01",
        "a10",
        "a9",
        "a12345678901234567890",
        "B2/x",
        "B/2",
        "b-/1",
        "b.",
    ]
    names += [
        *NAMES,
        "É",
        "ß",
        "ss",
        "",
        "1",
        "01",
        "1a",
        "a\u0661",
        "a" + "9" * 5000,
        "a" + "9" * 1001 + "b",
    ]
    assert sorted(names, key=packed_natural_key) == sorted(names, key=natural_key)


def test_a_long_name_keeps_its_ends():
    assert short_name("a\nb") == "a\\nb"
    assert short_name("x" * 60) == "x" * 60
    assert short_name("holidays/" + "x" * 99 + ".jpg", 20) == "holidays/x…xxxxx.jpg"


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1GiB", 2**30),
        ("500MB", 500_000_000),
        (" 2g ", 2_000_000_000),
        ("1.5 MiB", 1_572_864),
        ("64", 64),
        ("1furlong", None),
        ("GiB", None),
        ("-1GB", None),
        ("5i", None),
    ],
)
def test_an_amount_of_bytes_is_read_as_people_write_it(text, amount):
    assert amount_of_bytes(text) == amount
