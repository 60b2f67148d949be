"""Who may come in: places, rates, hosts, origins, tokens."""

import pytest
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from tellapart.errors import ConfigError
from tellapart.server import admission
from tellapart.server.access import Access
from tellapart.server.admission import Places, Rates
from tellapart.server.limits import ServingLimits

TOKEN = "0123456789abcdef"


def status(call, *arguments):
    """The status with which a call is refused; None: it is not."""
    try:
        call(*arguments)
    except HTTPException as reason:
        return reason.status_code
    return None


def test_places_are_given_back():
    places = Places(3)
    with places.taken_for(2):
        assert status(places.refuse_if_full) is None
        assert status(places.refuse_if_full, 2) == 503
        with pytest.raises(HTTPException) as refused, places.taken_for(2):
            pass
        assert refused.value.headers["Retry-After"]
    assert places.taken == 0
    with pytest.raises(ValueError, match="x"), places.taken_for(3):
        raise ValueError("x")
    assert places.taken == 0


def test_a_client_may_send_a_burst_and_then_its_rate():
    clock = [0.0]
    rates = Rates(2.0, 3, lambda: clock[0])
    assert [status(rates.count, "a") for _ in range(4)] == [None, None, None, 429]
    assert status(rates.count, "b") is None
    clock[0] = 0.5
    assert [status(rates.count, "a") for _ in range(2)] == [None, 429]
    clock[0] = 100.0
    assert [status(rates.count, "a") for _ in range(4)] == [None, None, None, 429]


def test_clients_are_forgotten_beyond_a_number(monkeypatch):
    monkeypatch.setattr(admission, "MOST_CLIENTS", 10)
    rates = Rates(1.0, 1)
    for client in range(100):
        rates.count(str(client))
    assert len(rates._buckets) == 10


def check(access, path="/predict", **headers):
    return status(access.check, path, Headers({"host": "127.0.0.1:8080", **headers}))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:8080", None),
        ("localhost", None),
        ("LOCALHOST:1", None),
        ("192.168.1.5:8080", None),
        ("[::1]:8080", None),
        ("photos.example", None),
        ("evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("evil.example#127.0.0.1", 400),
        ("", 400),
        ("[photos.example", None),
    ],
)
def test_a_site_of_another_name_cannot_be_this_server(host, expected):
    assert check(Access(hosts=("photos.example",)), host=host) == expected
    assert check(Access(hosts=("*",)), host=host) is None


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://127.0.0.1:8080", None),
        ("https://127.0.0.1:8080", None),
        ("https://shop.example", None),
        ("https://shop.example.evil.example", 403),
        ("http://shop.example", 403),
        ("http://127.0.0.1", 403),
        ("null", 403),
        ("file://127.0.0.1:8080", 403),
    ],
)
def test_pages_of_other_sites_may_not_ask(origin, expected):
    assert check(Access(origins=("https://shop.example",)), origin=origin) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (f"Bearer {TOKEN}", None),
        (f"bearer {TOKEN}", None),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        (f"Basic {TOKEN}", 401),
        ("Bearer", 401),
        ("Bearer \xe9", 401),
        (TOKEN, 401),
        ("", 401),
    ],
)
def test_a_token_is_asked_for(given, expected):
    access = Access(token=TOKEN)
    assert check(access, authorization=given) == expected
    assert check(access, "/metrics", authorization=given) == expected
    assert check(access, "/healthz/ready", authorization=given) is None


def test_weak_tokens_and_origins_that_are_none_are_refused():
    with pytest.raises(ConfigError, match="16 characters"):
        Access(token="secret")
    for origin in ("shop.example", "https://shop.example/", "*"):
        with pytest.raises(ConfigError, match="An origin is a site"):
            Access(origins=(origin,))


def test_limits_that_contradict_each_other_are_refused():
    with pytest.raises(ConfigError, match="could never be answered"):
        ServingLimits(pictures=10, queue=5)
    with pytest.raises(ConfigError, match="above 0"):
        ServingLimits(body_seconds=0)
