"""Answers in JSON hold whatever text a request brought."""

import json

from tellapart.web.json_response import AsciiJSONResponse


def test_half_of_a_surrogate_pair_is_escaped():
    body = AsciiJSONResponse({"picture": "\ud800", "class": "düne"}).body
    assert body.isascii()
    assert json.loads(body) == {"picture": "\ud800", "class": "düne"}
