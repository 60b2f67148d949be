"""Corrections: what the tutorial says or does, what is correct, and where the guide shows it.

The page, its self-test and the table `docs/mistakes.md` are made from this one list. Every number in a correction
is computed or read from `benchmarks/results`.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from tellapart.guide.lessons.put_right_figures import figures, steps_per_epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One correction."""

    name: str
    """The name of its claim on the page, which its tests prove."""

    kind: Literal["text", "program", "outdated"]
    """Where the original stands, or that it is outdated."""

    says: str
    """What the original says or does; code stands in backticks, here and below."""

    so: str
    """What is correct; figures of `put_right_figures` stand in braces."""

    page: str
    """The lesson that shows it."""

    asks: str
    """A statement for the self-test."""

    holds: bool
    """Whether that statement is true."""


TEXT = (
    Card(
        name="digits",
        kind="text",
        says="This is digit classification.",
        so="CIFAR-10 shows things and animals: {class_names}. None of the ten is a digit.",
        page="pictures",
        asks="The pictures of CIFAR-10 show handwritten digits.",
        holds=False,
    ),
    Card(
        name="classes",
        kind="text",
        says="The classes are numbered 0 to 10.",
        so="Ten classes are numbered 0 to 9. From 0 to 10 there would be eleven, and with ten classes Keras rejects "
        "the label 10.",
        page="pictures",
        asks="Classes numbered 0 to 9 need a network with ten outputs.",
        holds=True,
    ),
    Card(
        name="shuffled-test",
        kind="text",
        says="The test data are shuffled.",
        so="Keras shuffles the training pictures before each epoch. The test pictures keep their order, which does "
        "not affect the accuracy.",
        page="training",
        asks="The accuracy depends on the order of the test pictures.",
        holds=False,
    ),
    Card(
        name="dropout-weights",
        kind="text",
        says="Dropout sets weights to zero.",
        so="Dropout sets some of a layer's outputs to zero, different ones at each step, and scales up the rest. The "
        "weights do not change.",
        page="dropout",
        asks="Dropout sets some of a layer's weights to zero.",
        holds=False,
    ),
    Card(
        name="dropout-bias",
        kind="text",
        says="Dropout cures a bias for a class.",
        so="Dropout chooses what to zero at random, regardless of the picture and its class. Keras's `class_weight` "
        "makes the pictures of one class count more than those of another.",
        page="dropout",
        asks="What dropout sets to zero depends on the picture's class.",
        holds=False,
    ),
    Card(
        name="flatten",
        kind="text",
        says="Flattening makes a scalar of the maps.",
        so="A scalar is one number. Flattening makes a vector: the {flat_shape} numbers of the tutorial's last maps "
        "in one row, {flat} of them, all unchanged.",
        page="dense",
        asks="Flattening keeps every number and changes only the arrangement.",
        holds=True,
    ),
    Card(
        name="relu",
        kind="text",
        says="ReLU mimics the brain.",
        so="ReLU outputs 0 for a negative number and any other number unchanged. That is all it does.",
        page="activations",
        asks="ReLU of −3 is 0, and ReLU of 5 is 5.",
        holds=True,
    ),
    Card(
        name="pooling",
        kind="text",
        says="Pooling removes noise.",
        so="Max pooling keeps the largest of four numbers. So it keeps a single outlier, which then fills four times "
        "its previous share of the map.",
        page="pooling",
        asks="Max pooling removes a single number that is far too large.",
        holds=False,
    ),
    Card(
        name="softmax-sum",
        kind="text",
        says="Softmax outputs 0.98, 0.70 and 0.56 for three classes of one picture.",
        so="These add up to {said_sum}. Softmax's outputs for all classes add up to 1, so with 0.98 for one class the "
        "others together have {left_over}.",
        page="softmax",
        asks="For one picture, softmax's outputs for all classes add up to 1.",
        holds=True,
    ),
    Card(
        name="probability",
        kind="text",
        says="The probability of a prediction is its accuracy.",
        so="A probability belongs to one prediction; accuracy is the share of many pictures classified correctly. "
        "They can differ: one training run of `fast` had a mean confidence of {confidence} on the 10,000 test pictures "
        "and an accuracy of {right}.",
        page="softmax",
        asks="Measuring accuracy requires pictures whose classes are known.",
        holds=True,
    ),
    Card(
        name="kernel",
        kind="text",
        says="With padding, a 3 × 3 kernel is “increased by 2”.",
        so="The picture grows, not the kernel: padding adds a border of zeros, two rows and two columns more. Without "
        'it the map is two rows and two columns smaller than the picture; with it (`padding="same"` in Keras), '
        "the same size.",
        page="convolution",
        asks="Without padding, a 3 × 3 kernel turns 32 × 32 numbers into a map of 30 × 30.",
        holds=True,
    ),
    Card(
        name="steps",
        kind="text",
        says="`steps_per_epoch` is taken for a number of pictures.",
        so="`steps_per_epoch` is the number of batches in an epoch. 50,000 pictures in batches of 32 are {steps} "
        "batches, the last one of {last_batch} pictures.",
        page="descent",
        asks="An epoch of 50,000 pictures in batches of 32 has 50,000 steps.",
        holds=False,
    ),
    Card(
        name="validation",
        kind="text",
        says="The test pictures serve as validation pictures.",
        so="Choosing by a score makes that score too optimistic. Of {guessers} random guessers on 1,000 pictures of "
        "ten classes, the best gets {luck}; on 1,000 new pictures it gets {new}. So tellapart's `quick` chooses on "
        "held-out training pictures and uses the test pictures once.",
        page="better",
        asks="A network chosen by its test accuracy looks better than it is.",
        holds=True,
    ),
)
PROGRAM = (
    Card(
        name="predictions",
        kind="program",
        says="It announces 20 predictions and never makes them.",
        so="tellapart makes them: each training run ends with 20 test pictures in `predictions.png`, each with its "
        "prediction, the probability, and whether it is right.",
        page="training",
        asks="A tellapart training run ends with predictions to look at.",
        holds=True,
    ),
    Card(
        name="last-epoch",
        kind="program",
        says="It keeps the weights of the last epoch, not of the best.",
        so="When tellapart trained that network, test accuracy was {last} after the last of {epochs_made} epochs and "
        "{highest} at its highest. The recipe `quick` keeps the epoch that is best on held-out pictures; in Keras, "
        "use `ModelCheckpoint(save_best_only=True)`.",
        page="better",
        asks="The last epoch of a training run is always its best.",
        holds=False,
    ),
    Card(
        name="divide-twice",
        kind="program",
        says="It divides the pixels by 255, in a notebook cell that can be run twice.",
        so="After a second run the brightest pixel is {twice} instead of 1. A `Rescaling` layer in the model divides "
        "exactly once, however often a cell is run.",
        page="why-63",
        asks="Running a cell that divides by 255 a second time changes nothing.",
        holds=False,
    ),
    Card(
        name="one-figure",
        kind="program",
        says="It ends at 63%: one number from one training run, with no sample size or interval.",
        so="On 10,000 pictures, 63% has a 95% confidence interval from {low} to {high}. Another seed gives another "
        "accuracy: the {trainings} training runs of `fast` lie between {lowest} and {highest_fast}.",
        page="why-63",
        asks="The same training run with another seed gives exactly the same accuracy.",
        holds=False,
    ),
    Card(
        name="decay",
        kind="program",
        says="`decay=1e-6` is meant to lower the learning rate.",
        so="It hardly does: after 200 epochs of {steps} steps the rate is {rate_left} of its initial value.",
        page="descent",
        asks="With `decay=1e-6` the learning rate is near zero after 200 epochs.",
        holds=False,
    ),
    Card(
        name="datagen-fit",
        kind="program",
        says="`datagen.fit(x_train)` computes statistics that are never used.",
        so="It computes means and standard deviations for options that are off. Without it the pictures are the same, "
        "pixel for pixel.",
        page="augmentation",
        asks="Without `datagen.fit(x_train)` the tutorial's augmented pictures would be the same.",
        holds=True,
    ),
)
OUTDATED = (
    Card(
        name="hours",
        kind="outdated",
        says="63% takes “a few hours on a decent laptop”.",
        so="On two cores of an Intel Xeon, `fast` with `--target 63%` got there in {seconds_to_63} seconds (median of "
        "{trainings_to_63}), and all of `fast` took {minutes_of_fast} minutes (median of {trainings}) for "
        "{accuracy_of_fast}. No laptop was measured.",
        page="better",
        asks="On two cores of an Intel Xeon, 63% on CIFAR-10 can be reached within a minute.",
        holds=True,
    ),
    Card(
        name="calls",
        kind="outdated",
        says="It uses the Keras API of its day.",
        so="Keras 3 rejects `lr`, ignores `decay` with a warning, and has no `fit_generator`, `np_utils` or "
        "`optimizers.rmsprop`. Use `learning_rate`, a schedule, `fit`, `keras.utils` and `optimizers.RMSprop`; "
        "`docs/tutorial.ipynb` has the full table.",
        page="descent",
        asks="Keras 3 still accepts `RMSprop(lr=0.0001)`.",
        holds=False,
    ),
)
CARDS = TEXT + PROGRAM + OUTDATED


def facts() -> dict[str, Any]:
    """Compute what the lesson shows."""
    values = figures()
    return {
        "cards": [asdict(card) | {"so": card.so.format(**values)} for card in CARDS],
        "twice": values["twice"],
        "steps": steps_per_epoch(),
    }
