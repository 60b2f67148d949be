"""The command `learn`."""

from tellapart.cli import options


def learn(
    port: options.Port = None,
    no_browser: options.NoBrowser = False,
    write: options.WriteGuide = None,
) -> None:
    """Open the interactive guide in a browser.

    It explains how a computer tells pictures apart, one concept per page, each with something to try. The
    pages are served on this machine only.

    \b
    Example:
      tellapart learn

    \b
    Exit codes: 0 done, 1 failed, 2 wrong option, 130 stopped by Ctrl-C
    """
    from tellapart.cli.terminal import guide

    if write is not None:
        guide.write(write)
    else:
        guide.serve(port, opens_browser=not no_browser)
