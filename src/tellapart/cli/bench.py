"""The command `bench`."""

from tellapart.cli import options
from tellapart.cli.terminal.console import say_json


def bench(
    recipe: options.BenchRecipe = "fast",
    batch_size: options.BatchSize = None,
    seconds: options.Seconds = None,
    as_json: options.Json = False,
) -> None:
    """Time each part of a recipe's training on this machine.

    Also compares the speed of a training step with that of a plain matrix product.

    \b
    Example:
      tellapart bench fast --seconds 10

    \b
    Exit codes: 0 done, 1 failed, 2 wrong option
    """
    from tellapart.cli.terminal.timings import report_timings
    from tellapart.profiling import bench as benchmark
    from tellapart.recipes.recipes import find_recipe

    config = find_recipe(recipe)()
    benchmark.refuse_without_steps(config)
    config = config.changed(batch_size=batch_size)
    timings = benchmark.measure(config, benchmark.SECONDS if seconds is None else seconds)
    if as_json:
        say_json(timings.to_dict())
    else:
        report_timings(timings)
