"""Explanations, computed in a process of their own: they take seconds of all cores, and predictions go first.

The process is started for the first explanation and runs at a low priority. It is sent messages, each a line of JSON
and then so many bytes, and answers each in the same way. It ends when the server's end of the pipe closes, however
that comes about.
"""

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping
from functools import lru_cache
from typing import IO, Any

from tellapart.errors import PictureError

NICENESS = 10
"""By how much the system prefers predictions."""

MODELS_KEPT = 2
"""Models whose explainers the process keeps."""


class NotExplainedError(Exception):
    """An explanation that failed; with its traceback."""


class ExplainingProcess:
    """A process that explains, started when it is first needed. Used by one thread at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def explain(self, model: str, said: Mapping[str, Any], content: bytes, name: str) -> str:
        """Return the page that explains one picture's prediction, in its quick form.

        Args:
            model: path or name.
            said: of a model that tellapart did not save; values of JSON.
            content: a file's bytes.
            name: of the picture.

        Raises:
            PictureError: it cannot be read.
            NotExplainedError: something else failed in there.
            OSError: the process ended; the next call starts another.
        """
        process = self._running()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            send(process.stdin, {"model": model, "said": dict(said), "name": name}, content)
            head, page = receive(process.stdout)
        except OSError:
            self.end()
            raise
        if "error" in head:
            raise PictureError(head["error"])
        if "failed" in head:
            raise NotExplainedError(head["failed"])
        return page.decode()

    def end(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the server, which answers what it accepted
            )
        return self._process


def send(pipe: IO[bytes], head: Mapping[str, Any], content: bytes) -> None:
    """Write a message."""
    pipe.write(json.dumps({**head, "size": len(content)}).encode() + b"\n" + content)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """Read a message.

    Raises:
        BrokenPipeError: the other side is gone.
    """
    line = pipe.readline()
    if not line.endswith(b"\n"):
        raise BrokenPipeError("the process that explains has ended")
    head = json.loads(line)
    content = pipe.read(head["size"])
    if len(content) < head["size"]:
        raise BrokenPipeError("the process that explains has ended")
    return head, content


def main() -> None:
    """Answer messages from stdin until it closes."""
    signal.signal(
        signal.SIGTERM, signal.SIG_IGN
    )  # sent to all of a service's processes; the server ends this one
    if hasattr(os, "nice"):  # Windows has none
        os.nice(NICENESS)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    while True:
        try:
            head, content = receive(sys.stdin.buffer)
        except BrokenPipeError:
            return
        try:
            page = _page(head, content)
        except PictureError as reason:
            send(answers, {"error": str(reason)}, b"")
        except Exception:  # one picture's failure must not end the process: its models would be loaded again
            send(answers, {"failed": traceback.format_exc()}, b"")
        else:
            send(answers, {}, page.encode(errors="replace"))  # a name may hold half of a surrogate pair


def _page(head: Mapping[str, Any], content: bytes) -> str:
    explainer = _explainer(head["model"], json.dumps(head["said"]))
    return explainer.explain(content, quick=True, name=head["name"]).to_html()


@lru_cache(MODELS_KEPT)
def _explainer(model: str, said: str) -> Any:
    from tellapart.api.load import opened
    from tellapart.explanations.explainer import Explainer

    return Explainer(opened(model, **json.loads(said)))


if __name__ == "__main__":
    main()
