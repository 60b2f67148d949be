"""The options of `serve`."""

from pathlib import Path
from typing import Annotated

import typer

from tellapart.cli import options

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
        help="Site whose pages may ask (CORS). May be repeated. Default: the server's own page alone.",
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
    int,
    typer.Option(
        "--queue", min=1, help="Pictures accepted and not yet answered; requests beyond get status 503."
    ),
]
MaxPictures = Annotated[int, typer.Option("--max-pictures", min=1, help="Pictures in a request.")]
MaxBody = Annotated[
    float, typer.Option("--max-body", min=0.001, metavar="MB", help="Megabytes of a request.")
]
MaxPixels = Annotated[
    float,
    typer.Option(
        "--max-pixels", min=0.001, metavar="MILLIONS", help="Million pixels of a picture, up to 80."
    ),
]
MaxSeconds = Annotated[
    float,
    typer.Option(
        "--max-seconds",
        min=0.1,
        metavar="SECONDS",
        help="Time for sending a request; slower clients are left.",
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
