"""The tables of the guide: which test proves which claim, and what to correct in the tutorial.

    python scripts/guide_tables.py          # rewrites docs/guide-claims.md and docs/mistakes.md

Claims are read from the pages, corrections from `tellapart.guide.lessons.put_right`; tests are found by their `proves`
marks.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "guide"))
from claims import INDEX_FILE, file_of, proofs, proofs_in

from tellapart.files import write_text
from tellapart.guide.contents import LESSONS, named

ROOT = Path(__file__).parent.parent
MISTAKES = ROOT / "docs" / "mistakes.md"
CLAIMS = ROOT / "docs" / "guide-claims.md"

CLAIMS_HEAD = """# The guide's claims and their tests

Every sentence of [the guide](guide/index.html) that claims something has an id, which stands in the page as
`data-claim`, and a test marked with that id; `tests/guide/test_claims.py` rejects a sentence without one. Made by
`python scripts/guide_tables.py`.
"""

HEAD = """# {title}

The tutorial is the Keras team's `examples/cifar10_cnn.py` and a lesson written around it. Each row is a card on the
[guide's page](guide/{name}.html). The tests are in `{tests}`. Made by
`python scripts/guide_tables.py` from `src/tellapart/guide/lessons/put_right.py`.
"""
COLUMNS = ("where", "the tutorial", "correct", "page", "test")


def main() -> None:
    for path, text in ((CLAIMS, claims()), (MISTAKES, mistakes())):
        write_text(path, text)
        print(path.relative_to(ROOT))


def claims() -> str:
    """Return the tables of claims as Markdown: for each page, its tests and the claims that each of them proves."""
    pages = [("The first page", "index", INDEX_FILE, proofs_in(INDEX_FILE))]
    pages += [(lesson.title, lesson.name, file_of(lesson), proofs(lesson)) for lesson in LESSONS]
    parts = [CLAIMS_HEAD]
    for title, name, file, tests_of in pages:
        link = f"[{title}](guide/{name}.html), `{file.relative_to(ROOT)}`"
        parts += [f"\n## {link}\n", table(("test", "claims"), rows_of(tests_of))]
    return "\n".join(parts) + "\n"


def rows_of(tests_of: dict[str, list[str]]) -> list[tuple[str, ...]]:
    """Return a row for each test, with the claims that it proves, from a mapping of claims to tests."""
    claims_of: dict[str, list[str]] = {}
    for claim, tests in tests_of.items():
        for test in tests:
            claims_of.setdefault(test, []).append(claim)
    return [(f"`{test}`", ", ".join(claims)) for test, claims in claims_of.items()]


def mistakes() -> str:
    """Return the table of corrections as Markdown."""
    lesson = named("put-right")
    tests_of = proofs(lesson)
    rows = [
        (
            card["kind"],
            card["says"],
            card["so"],
            named(card["page"]).title,
            ", ".join(f"`{test}`" for test in tests_of[card["name"]]),
        )
        for card in lesson.facts["cards"]
    ]
    head = HEAD.format(title=lesson.title, name=lesson.name, tests=file_of(lesson).relative_to(ROOT))
    return f"{head}\n{table(COLUMNS, rows)}\n"


def table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return rows as a Markdown table."""
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    main()
