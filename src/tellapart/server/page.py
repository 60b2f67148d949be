"""The page for people: drop, paste or choose a photo."""

from tellapart.pages.assemble import assemble
from tellapart.server.models import Models


def page(models: Models, *, needs_token: bool, keeps_corrections: bool) -> str:
    """Return the page.

    Args:
        models: of the server.
        needs_token: whether the page has to ask its reader for the token.
        keeps_corrections: whether it offers to say what a photo is.
    """
    return assemble(
        "serve.html",
        {
            "models": () if needs_token else models.names,  # with the token, the page asks for them
            "needs_token": needs_token,
            "keeps_corrections": keeps_corrections,
        },
        {},
        styles=("serve/serve.css",),
        modules=("theme.js", "serve/photo.js", "serve/prediction.js", "serve/serve.js"),
        entry="serve",
        libraries=(),
    )
