"""Forms: cut as they were put together, and damaged ones refused."""

import numpy as np
import pytest
from serving_process import BOUNDARY, form
from starlette.exceptions import HTTPException

from tellapart.server.multipart import parts_of

KIND = f"multipart/form-data; boundary={BOUNDARY}"


def test_files_come_out_as_they_went_in():
    random = np.random.default_rng(0)
    files = [(f"file {i}.bin", random.bytes(int(random.integers(0, 5000)))) for i in range(20)]
    files += [
        ("empty", b""),
        ("breaks", b"\r\n\r\n--\r\n--a-boundar"),
        ("dashes", b"--" * 40),
        ("ä.png", b"\r\n"),
    ]
    parts = parts_of(KIND, form(files), 100)
    assert [(part.file_name, part.content) for part in parts] == files
    assert {part.field for part in parts} == {"picture"}


def test_fields_are_no_files_and_a_preamble_is_skipped():
    body = f"hello\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name=top\r\n\r\n5\r\n".encode() + form(
        [("a", b"x")]
    )
    top, picture = parts_of(KIND, body, 10)
    assert (top.field, top.file_name, top.content) == ("top", None, b"5")
    assert picture.file_name == "a"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", form([("a", b"x")])),
        (f"multipart/form-data; boundary={'x' * 71}", b"--" + b"x" * 71 + b"--"),
        ("multipart/form-data; boundary=é", b"--"),
        (KIND, b""),
        (KIND, b"junk"),
        (KIND, form([("a", b"x")])[:-5]),
        (KIND, form([("a", b"x")])[:60]),
        (KIND, f"--{BOUNDARY}\r\n\r\n".encode()),
        (KIND, f"--{BOUNDARY}x\r\n\r\n--{BOUNDARY}--".encode()),
        (KIND, f"--{BOUNDARY}\r\nno header\r\n--{BOUNDARY}--".encode()),
        (KIND, f"--{BOUNDARY}\r\nX: {'y' * 9000}\r\n\r\nz\r\n--{BOUNDARY}--".encode()),
    ],
)
def test_damaged_forms_are_refused(kind, body):
    with pytest.raises(HTTPException) as refused:
        parts_of(kind, body, 10)
    assert refused.value.status_code == 400


def test_a_form_of_too_many_parts_is_refused():
    with pytest.raises(HTTPException) as refused:
        parts_of(KIND, form([(str(i), b"") for i in range(11)]), 10)
    assert refused.value.status_code == 413


def test_a_form_with_one_byte_changed_never_fails_otherwise():
    random = np.random.default_rng(0)
    whole = form([("a.png", b"abc"), ("b.png", b"def\r\n")])
    for _ in range(2000):
        body = bytearray(whole)
        for _ in range(int(random.integers(1, 4))):
            body[random.integers(len(body))] = random.integers(256)
        try:
            parts_of(KIND, bytes(body), 10)
        except HTTPException as reason:
            assert reason.status_code in (400, 413)  # noqa: PT017


def test_a_name_in_an_unknown_encoding_is_damage_and_no_failure():
    disposition = "form-data; name=a; filename*=idna''x"
    body = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\nx\r\n--{BOUNDARY}--\r\n".encode()
    with pytest.raises(HTTPException) as caught:
        parts_of(KIND, body, 10)
    assert caught.value.status_code == 400
