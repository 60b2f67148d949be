"""The application as Python has it, its OpenAPI document, and the command's refusals."""

import asyncio
import re
import subprocess
import sys

import pytest
from own_thread import in_own_thread
from starlette.routing import Route

import tellapart
from tellapart.errors import ConfigError, ModelError
from tellapart.server.openapi import document


def test_every_route_is_in_the_document_and_every_entry_is_a_route():
    app = tellapart.server_app("digits")
    routes = {
        (re.sub(r"{(\w+)}", r"{\1}", route.path), method.lower())
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods - {"HEAD"}
    }
    entries = {(path, method) for path, item in document()["paths"].items() for method in item}
    assert entries == routes


def test_parameters_of_paths_are_declared_and_references_lead_somewhere():
    paths = document()["paths"]
    for path, item in paths.items():
        for operation in item.values():
            declared = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path))
    schemas = document()["components"]["schemas"]
    assert set(re.findall(r"#/components/schemas/(\w+)", str(document()))) <= set(schemas)


def test_the_app_runs_under_any_server_and_serves_a_classifier_in_memory():
    app = tellapart.server_app(tellapart.load("digits"))
    sent = []

    async def ask():
        async with app.router.lifespan_context(app):
            scope = {
                "type": "http",
                "method": "GET",
                "path": "/models",
                "raw_path": b"/models",
                "query_string": b"",
                "headers": [(b"host", b"localhost")],
                "http_version": "1.1",
                "scheme": "http",
                "client": ("127.0.0.1", 1),
                "server": ("127.0.0.1", 80),
                "root_path": "",
            }

            async def receive():
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(message):
                sent.append(message)

            await app(scope, receive, send)

    in_own_thread(asyncio.run, ask())
    assert sent[0]["status"] == 200
    assert b'"name":"model"' in sent[1]["body"]


@pytest.mark.parametrize(
    ("models", "words"),
    [
        ([], "Which model"),
        (["digits", "digits"], "Two models are called digits"),
        (["my model=digits"], "cannot be a model's name"),
    ],
)
def test_models_that_cannot_be_named_are_refused(models, words):
    with pytest.raises(ConfigError, match=words):
        tellapart.server_app(models)


def test_a_model_that_is_none_is_refused_before_anything_listens(tmp_path):
    bad = tmp_path / "bad.keras"
    bad.write_bytes(b"junk")
    with pytest.raises(ModelError, match=r"bad\.keras"):
        in_own_thread(tellapart.serve, bad, port=0)
    done = subprocess.run(
        [sys.executable, "-m", "tellapart", "serve", str(bad), "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "bad.keras" in done.stderr.replace("\n", "")  # a long path is wrapped
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_in_a_notebook_whose_event_loop_runs_the_way_out_is_said():
    async def cell():
        with pytest.raises(ConfigError, match=r"an event loop runs in this thread, as in a notebook"):
            tellapart.serve("digits", port=0)

    in_own_thread(asyncio.run, cell())


def test_a_short_token_is_refused_with_the_next_step():
    done = subprocess.run(
        [sys.executable, "-m", "tellapart", "serve", "digits", "--token", "secret"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "16 characters" in done.stderr
