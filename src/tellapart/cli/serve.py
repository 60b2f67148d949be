"""The command `serve`."""

import os
from typing import Any

from tellapart.cli import options, serve_options
from tellapart.cli.model_options import with_model_options
from tellapart.cli.terminal.startup import importing
from tellapart.errors import ConfigError


@with_model_options
@serve_options.with_limits
def serve(
    models: serve_options.ServedModels,
    host: serve_options.Host = "127.0.0.1",
    port: serve_options.Port = 8080,
    token: serve_options.Token = None,
    allow_hosts: serve_options.AllowHosts = None,
    allow_origins: serve_options.AllowOrigins = None,
    max_batch: serve_options.MaxBatch = 16,
    max_wait: serve_options.MaxWait = 5.0,
    limits: Any = None,
    proxy: serve_options.Proxy = None,
    corrections: serve_options.Corrections = None,
    share_port: serve_options.SharePort = False,
    precision: options.PredictionPrecision = options.Precision.FLOAT32,
    said: Any = None,
    quiet: options.Quiet = False,
) -> None:
    """Serve models over HTTP.

    POST /predict takes a picture as the body, a form of files, or JSON with base64. It answers with what
    `tellapart predict --json` prints. /explain answers with a page that explains one prediction, /v2 speaks the
    Open Inference Protocol, /metrics is for Prometheus, / is a page for people.

    When a model file is replaced, the new model takes over without a restart; if it is damaged, the old one stays.
    SIGTERM and Ctrl-C end the
    server once all that it accepted is answered. The log on stderr is one JSON object a line.

    \b
    Examples:
      tellapart serve runs/photos
      curl -F picture=@new.jpg http://127.0.0.1:8080/predict

    \b
    Exit codes: 0 stopped, 1 failed, 2 wrong option
    """
    with importing():
        from tellapart.cli.terminal.serving import serve_and_say
        from tellapart.server.limits import ServingLimits

    if os.environ.get("TELLAPART_TOKEN") == "":
        raise ConfigError(
            "TELLAPART_TOKEN is set and empty, so the server would ask nobody for a token. Set a token, or unset it."
        )
    serve_and_say(
        models,
        quiet=quiet,
        host=host,
        port=port,
        token=token,
        allow_hosts=allow_hosts or (),
        allow_origins=allow_origins or (),
        max_batch=max_batch,
        max_wait=max_wait,
        limits=ServingLimits(**limits),
        proxy=proxy,
        corrections=corrections,
        share_port=share_port,
        precision=precision.value,
        **said,
    )
