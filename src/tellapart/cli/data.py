"""The commands `data list`, `data show`, `data get` and `data shard`."""

from typing import Any

from tellapart.cli import options, shard_options, training_options
from tellapart.cli.label_options import with_label_options
from tellapart.errors import ConfigError


def list_sets(as_json: options.Json = False) -> None:
    """List the known data sets and show which are on this machine.

    \b
    Example:
      tellapart data list

    \b
    Exit codes: 0 done, 2 wrong option
    """
    from tellapart.cli.terminal import data_sets

    data_sets.report_sets(as_json)


@with_label_options
def show(name: options.SetOrFolder, labels: Any = None, as_json: options.Json = False) -> None:
    """Show a data set's classes, its pictures per class and split, and notes on how it was read.

    \b
    Examples:
      tellapart data show cifar10
      tellapart data show photos/
      tellapart data show photos/ --labels labels.csv

    \b
    Exit codes: 0 done, 2 wrong option, 3 unusable data, 4 missing optional package
    """
    from tellapart.cli.terminal import data_sets

    options.refuse_empty(name)
    data_sets.report_set(name, as_json, labels)


def get(name: options.SetName, as_json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Download a known data set, or resume a stopped download.

    \b
    Example:
      tellapart data get cifar10

    \b
    Exit codes: 0 done, 1 failed, 2 wrong option, 3 no such data set
    """
    from tellapart.cli.terminal import data_sets

    data_sets.get_set(name, as_json, quiet)


@with_label_options
def shard(
    data: options.CheckData,
    to: shard_options.To,
    format: shard_options.Format = shard_options.ShardFormat.WEBDATASET,
    shard_size: shard_options.ShardSize = None,
    pictures_per_shard: shard_options.PicturesPerShard = None,
    no_shuffle: shard_options.NoShuffle = False,
    seed: options.Seed = None,
    validation_share: training_options.ValidationShare = None,
    test_share: training_options.TestShare = None,
    labels: Any = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write DATA as shards: large files of many pictures, which train reads by parts from any disk, server or store.

    Train, validation and test pictures get shards of their own, divided as train would divide them with the same
    --seed. Picture files are copied byte for byte, beside shards.json with class names, counts and checksums.

    \b
    Examples:
      tellapart data shard photos/ --to shards/
      tellapart data shard photos/ --to shards/ --format parquet --shard-size 1GB
      tellapart train shards/
      tellapart train 's3://bucket/shards/train-{000000..000099}.tar'

    \b
    Exit codes: 0 done, 1 failed, 2 wrong option, 3 unusable data, 4 missing optional package
    """
    from tellapart.cli.terminal import sharding

    options.refuse_empty(data)
    if shard_size is not None and pictures_per_shard is not None:
        raise ConfigError(
            "--shard-size and --pictures-per-shard both say when a shard is full. Give one of them."
        )
    settings = {
        "labels": labels,
        "format": format.value,
        "shard_size": shard_size,
        "pictures_per_shard": pictures_per_shard,
        "shuffle": not no_shuffle,
        "seed": seed,
        "validation_share": validation_share,
        "test_share": test_share,
    }
    sharding.write(
        data, to, {name: value for name, value in settings.items() if value is not None}, as_json, quiet
    )
