"""The options of `serve`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tellapart.cli import options
from tellapart.cli.option_groups import grouped

ServedModels = Annotated[
    list[str],
    typer.Argument(
        metavar="[NAME=]MODEL...",
        help=f"{options.MODEL_HELP} The first answers at /predict, each at /models/NAME/predict.",
    ),
]
Host = Annotated[
    str,
    typer.Option(
        "--host",
        help="Address to listen on. With any other than 127.0.0.1, set a token. 0.0.0.0: all addresses.",
    ),
]
Port = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 picks any free port.")
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="TELLAPART_TOKEN",
        help="Answer only requests with the header Authorization: Bearer TOKEN. Others on this machine can read a "
        "command line, so set the variable TELLAPART_TOKEN instead.",
    ),
]
AllowHosts = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-host",
        metavar="NAME",
        help="Name under which the server is reached, besides addresses and localhost. May be repeated.",
    ),
]
AllowOrigins = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-origin",
        metavar="https://SITE",
        help="Website whose pages may call this server (CORS). May be repeated. Default: the server's own page alone.",
    ),
]
MaxBatch = Annotated[int, typer.Option("--max-batch", min=1, help="Pictures predicted at once.")]
MaxWait = Annotated[
    float,
    typer.Option(
        "--max-wait",
        min=0,
        max=10_000,
        metavar="MS",
        help="Milliseconds that a picture waits for others that are being decoded.",
    ),
]
Queue = Annotated[
    int | None,
    typer.Option(
        "--queue",
        min=1,
        help="Pictures accepted and not yet answered; requests beyond get status 503. Default: 128.",
    ),
]
MaxPictures = Annotated[
    int | None,
    typer.Option(
        "--max-pictures", min=1, help="Pictures in a request. Default: 32, but no more than --queue."
    ),
]
MaxBody = Annotated[
    float | None,
    typer.Option("--max-body", min=0.001, metavar="MB", help="Megabytes of a request. Default: 32."),
]
MaxPixels = Annotated[
    float | None,
    typer.Option(
        "--max-pixels",
        min=0.001,
        metavar="MILLIONS",
        help="Million pixels of a picture, up to 80. Default: 50.",
    ),
]
MaxSeconds = Annotated[
    float | None,
    typer.Option(
        "--max-seconds",
        min=0.1,
        metavar="SECONDS",
        help="Seconds that a client has to send a request; slower ones are disconnected. Default: 30 (headers: 10).",
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--rate",
        min=0.001,
        metavar="PER_SECOND",
        help="Requests that one client may send a second on average; others get status 429. Default: no limit.",
    ),
]

LIMITS = {
    "queue": Queue,
    "max_pictures": MaxPictures,
    "max_body": MaxBody,
    "max_pixels": MaxPixels,
    "max_seconds": MaxSeconds,
    "rate": Rate,
}
"""Parameter -> option. `with_limits` puts them in the place of a command's parameter `limits`."""

LONGEST_HEAD = 10.0
"""Seconds, however long a body may take."""


def _limits(chosen: dict[str, Any]) -> dict[str, Any]:
    queue, pictures, seconds = chosen["queue"], chosen["max_pictures"], chosen["max_seconds"]
    limits = {
        "queue": queue,
        "pictures": min(queue, 32) if pictures is None and queue is not None else pictures,
        "body_bytes": _millions(chosen["max_body"]),
        "pixels": _millions(chosen["max_pixels"]),
        "body_seconds": seconds,
        "head_seconds": None if seconds is None else min(seconds, LONGEST_HEAD),
        "rate": chosen["rate"],
    }
    return {name: value for name, value in limits.items() if value is not None}


def _millions(value: float | None) -> int | None:
    return None if value is None else round(value * 1e6)


with_limits = grouped("limits", LIMITS, _limits)
"""Gives a command these options; its parameter `limits` gets them as fields of `tellapart.ServingLimits`."""

Proxy = Annotated[
    str | None,
    typer.Option(
        "--proxy",
        metavar="ADDRESS",
        help="Address of a proxy in front, whose X-Forwarded-For names the client. Default: none.",
    ),
]
Corrections = Annotated[
    Path | None,
    typer.Option(
        "--corrections",
        metavar="FOLDER",
        help="Let people say what a photo is, and keep such photos here, one folder for each class, for train. "
        "Default: no photo is kept.",
    ),
]
SharePort = Annotated[
    bool,
    typer.Option(
        "--share-port",
        help="Let several of these processes listen on the same port; the system divides connections among them.",
    ),
]
