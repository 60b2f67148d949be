"""The command `augment`, and the option --augment, which `train` has as well."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tellapart.cli import options
from tellapart.cli.label_options import with_label_options
from tellapart.cli.terminal.startup import importing
from tellapart.errors import ConfigError

Augment = Annotated[
    list[str] | None,
    typer.Option(
        "--augment",
        metavar="CHANGES",
        help="Changes to the recipe's augmentation, separated by commas: settings of Keras's ImageDataGenerator "
        "(rotation_range=15, zoom_range=0.8:1.2, horizontal_flip), policies (trivial-augment-wide, "
        "rand-augment.magnitude=5) and mixing (mixup, cutmix). Begin with none to drop the recipe's own. With "
        "transfer, for fine-tuning only. To preview: tellapart augment DATA. Can be repeated.",
    ),
]
Data = Annotated[str, typer.Argument(metavar="DATA", help="Same as for train.")]
SheetOut = Annotated[
    Path, typer.Option("--out", metavar="FILE.png", help="Picture to write; it is not overwritten.")
]
Pictures = Annotated[int, typer.Option("--pictures", min=1, max=64, help="Number of pictures, one per row.")]
Draws = Annotated[int, typer.Option("--draws", min=1, max=32, help="Augmented versions of each picture.")]


@with_label_options
def augment(
    data: Data,
    changes: Augment = None,
    recipe: options.Recipe = None,
    out: SheetOut = Path("augmentation.png"),
    pictures: Pictures = 8,
    draws: Draws = 8,
    seed: options.Seed = None,
    size: options.Size = None,
    policy: options.PolicyOption = None,
    labels: Any = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Preview the augmented training pictures.

    Writes one PNG. Each row shows a picture and several random augmentations of it.

    \b
    Examples:
      tellapart augment photos/
      tellapart augment photos/ --augment rotation_range=15,trivial-augment-wide

    \b
    Exit codes: 0 done, 1 failed, 2 wrong option, 3 unusable data,
    4 missing optional package
    """
    with importing():
        from tellapart.api.augment import augment as draw_sheet
        from tellapart.cli.terminal.augmentation import report_sheet
        from tellapart.cli.terminal.progress import ProgressListener

    options.refuse_empty(data)
    settings: dict[str, Any] = {
        "seed": seed,
        "size": size and options.parse_size(size),
        "policy": policy and policy.value,
    }
    with ProgressListener(quiet=quiet) as listener:
        sheet = draw_sheet(
            data,
            augment=parse_augment(changes, no_augment=False),
            recipe=recipe,
            out=out,
            pictures=pictures,
            draws=draws,
            labels=labels,
            listener=listener,
            **{name: value for name, value in settings.items() if value is not None},
        )
    report_sheet(sheet, as_json)


def parse_augment(changes: list[str] | None, no_augment: bool) -> bool | str:
    """Return --augment and --no-augment as `tellapart.train` takes them.

    Raises:
        ConfigError: both are given.
    """
    if changes and no_augment:
        raise ConfigError("Choose --augment or --no-augment, not both.")
    return ",".join(changes) if changes else not no_augment
