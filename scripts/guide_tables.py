"""The tables of the guide: which test proves which sentence, and what of the tutorial is to be read otherwise today.

    python scripts/guide_tables.py          # writes docs/guide-claims.md and docs/mistakes.md anew

Sentences are read from the pages, the cards are those of `tellapart.guide.lessons.put_right`; the tests are found by
their `proves` marks.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "guide"))
from claims import INDEX_FILE, file_of, proofs, proofs_in, read, read_index

from tellapart.files import write_text
from tellapart.guide.contents import LESSONS, named

ROOT = Path(__file__).parent.parent
MISTAKES = ROOT / "docs" / "mistakes.md"
CLAIMS = ROOT / "docs" / "guide-claims.md"

CLAIMS_HEAD = """# The guide: every concept, every sentence, and its test

The guide is `tellapart learn`, or the same pages as files: [docs/guide](guide/index.html). A sentence that claims
something stands in its template with a name, and a test says by that name that it proves it;
`tests/guide/test_claims.py` refuses a sentence without one. `python scripts/guide_tables.py` makes these tables anew.
"""

HEAD = """# {title}

The origin is the classic Keras CIFAR-10 CNN tutorial: the Keras team's `examples/cifar10_cnn.py`, and a lesson
written around it. Each row is a card on the guide's page “{title}”. The tests are in
`{tests}`.

`python scripts/guide_tables.py` makes this table of one list, `src/tellapart/guide/making/put_right.py`.
"""
COLUMNS = ("where", "the original says or does", "what is so", "page of the guide", "proved by")


def main() -> None:
    for path, text in ((CLAIMS, claims()), (MISTAKES, mistakes())):
        write_text(path, text)
        print(path.relative_to(ROOT))


def claims() -> str:
    """The tables of concepts and of sentences, as Markdown."""
    concepts = [
        (
            lesson.title,
            f"[{lesson.name}](guide/{lesson.name}.html)",
            lesson.moves,
            f"`tests/browser/test_guide_{lesson.name.replace('-', '_')}.py`",
            f"`{file_of(lesson).relative_to(ROOT)}`",
        )
        for lesson in LESSONS
    ]
    parts = [
        CLAIMS_HEAD,
        table(("concept", "page", "what moves", "its test", "the sentences' tests"), concepts),
    ]
    pages = [("The first page", read_index(), proofs_in(INDEX_FILE))]
    pages += [(lesson.title, read(lesson), proofs(lesson)) for lesson in LESSONS]
    for title, told, proved in pages:
        rows = [(claim.text, ", ".join(f"`{test}`" for test in proved[claim.name])) for claim in told.claims]
        parts += [f"\n## {title}\n", table(("sentence", "test"), rows)]
    return "\n".join(parts) + "\n"


def mistakes() -> str:
    """The table of mistakes, as Markdown."""
    lesson = named("put-right")
    proved = proofs(lesson)
    rows = [
        (
            card["kind"],
            card["says"],
            card["so"],
            named(card["page"]).title,
            ", ".join(f"`{test}`" for test in proved[card["name"]]),
        )
        for card in lesson.facts["cards"]
    ]
    head = HEAD.format(title=lesson.title, tests=file_of(lesson).relative_to(ROOT))
    return f"{head}\n{table(COLUMNS, rows)}\n"


def table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Cells as a Markdown table."""
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    main()
