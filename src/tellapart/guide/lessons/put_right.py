"""Put right: what the tutorial says or does, what is so, and where the guide shows it.

One list, from which the page, its self-test and the table `docs/mistakes.md` are made. The original is told of
as it is known; every number in what is so is computed, or read from `benchmarks/results`.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from tellapart.guide.lessons.put_right_figures import figures, steps_per_epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One place to read otherwise."""

    name: str
    """Of the claim on the page, and so of its proofs."""

    kind: Literal["text", "program", "grown old"]
    """Where it stands, or that time has passed over it."""

    says: str
    """What the original says or does; code in backticks, here and below."""

    so: str
    """What is so; figures of `put_right_figures` in braces."""

    page: str
    """The lesson that shows it."""

    asks: str
    """A statement for the self-test ..."""

    holds: bool
    """... and whether it is true."""


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
        so="Ten classes are numbered 0 to 9. From 0 to 10 there would be eleven, and Keras refuses the label 10 "
        "where there are ten classes.",
        page="pictures",
        asks="Classes numbered 0 to 9 want a network with ten outputs.",
        holds=True,
    ),
    Card(
        name="shuffled-test",
        kind="text",
        says="The test data are shuffled.",
        so="Keras shuffles the training pictures before each epoch. The test pictures keep their order; in any "
        "other order the accuracy would be the same.",
        page="training",
        asks="The accuracy depends on the order of the test pictures.",
        holds=False,
    ),
    Card(
        name="dropout-weights",
        kind="text",
        says="Dropout sets weights to zero.",
        so="Dropout sets some of a layer's outputs to zero, others at each step, and makes the rest larger. The "
        "weights stay as they are.",
        page="dropout",
        asks="Dropout sets some of a layer's weights to zero.",
        holds=False,
    ),
    Card(
        name="dropout-bias",
        kind="text",
        says="Dropout cures a bias for a class.",
        so="Dropout draws what it sets to zero by chance, whatever the picture and its class. What makes the "
        "pictures of one class count more than those of another is Keras's `class_weight`.",
        page="dropout",
        asks="What dropout sets to zero depends on the picture's class.",
        holds=False,
    ),
    Card(
        name="flatten",
        kind="text",
        says="Flattening makes a scalar of the maps.",
        so="A scalar is one number. Flattening makes a row: the {flat_shape} numbers of the tutorial's last maps "
        "stand one behind the other, {flat} of them, and none is changed.",
        page="dense",
        asks="Flattening keeps every number and changes only how they are arranged.",
        holds=True,
    ),
    Card(
        name="relu",
        kind="text",
        says="ReLU mimics the brain.",
        so="ReLU gives 0 for a negative number and every other number as it is. That is all that it does.",
        page="activations",
        asks="ReLU of −3 is 0, and ReLU of 5 is 5.",
        holds=True,
    ),
    Card(
        name="pooling",
        kind="text",
        says="Pooling removes noise.",
        so="Max pooling keeps the largest of four numbers. A lone number that is far too large is therefore "
        "kept, and fills four times the share of the map that it filled before.",
        page="pooling",
        asks="Max pooling takes away a lone number that is far too large.",
        holds=False,
    ),
    Card(
        name="softmax-sum",
        kind="text",
        says="Softmax answers 0.98, 0.70 and 0.56 for three classes of one picture.",
        so="These three add up to {said_sum}. Softmax's answers for all classes add up to 1, so beside 0.98 all "
        "others together have {left_over}.",
        page="softmax",
        asks="For one picture, softmax's answers for all the classes add up to 1.",
        holds=True,
    ),
    Card(
        name="probability",
        kind="text",
        says="The probability of an answer is its accuracy.",
        so="A probability is what the network says of one picture. Accuracy is the share of many pictures that "
        "it names rightly. They can differ: in one training of `fast` the probabilities of its answers were "
        "{confidence} on average, and {right} of the 10,000 test pictures were named rightly.",
        page="softmax",
        asks="To know an accuracy one needs pictures whose classes are known.",
        holds=True,
    ),
    Card(
        name="kernel",
        kind="text",
        says="With padding, a 3 × 3 kernel is “increased by 2”.",
        so="It is the picture that grows: padding gives it a border of zeros, and so two rows and two columns more. "
        "The kernel stays 3 × 3. Without the border the map is two rows and two columns smaller than the picture; "
        'with it, which in Keras is `padding="same"`, as large.',
        page="convolution",
        asks="A 3 × 3 kernel without a border makes of 32 × 32 numbers a map of 30 × 30.",
        holds=True,
    ),
    Card(
        name="steps",
        kind="text",
        says="`steps_per_epoch` is taken for a number of pictures.",
        so="`steps_per_epoch` is a number of batches, after which Keras calls an epoch done. 50,000 pictures in "
        "batches of 32 are {steps} batches, the last one of {last_batch} pictures.",
        page="descent",
        asks="An epoch of 50,000 pictures in batches of 32 has 50,000 steps.",
        holds=False,
    ),
    Card(
        name="validation",
        kind="text",
        says="The test pictures are the validation pictures.",
        so="A choice by a score makes that score too good. Of {guessers} who guess the classes of 1,000 pictures, "
        "ten classes, the best gets {luck}; on 1,000 new pictures the same one gets {new}. So tellapart's `quick` "
        "chooses by held-out training pictures, and asks the test pictures once.",
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
        so="tellapart makes them: each training ends with 20 test pictures in `predictions.png`, each with the "
        "answer, its probability and whether it is right.",
        page="training",
        asks="A training by tellapart ends with predictions that one can look at.",
        holds=True,
    ),
    Card(
        name="last-epoch",
        kind="program",
        says="It keeps the weights of the last epoch, and never the best.",
        so="In tellapart's training of that network the last of {epochs_made} epochs had {last} of the test "
        "pictures right, the highest {highest}. The recipe `quick` keeps the epoch that is best on held-out "
        "pictures; in Keras, `ModelCheckpoint(save_best_only=True)` does.",
        page="better",
        asks="The last epoch of a training is always its best.",
        holds=False,
    ),
    Card(
        name="divide-twice",
        kind="program",
        says="It divides the pixels by 255, in a notebook's cell that can be run twice.",
        so="After the second run the brightest pixel is {twice} instead of 1. A `Rescaling` layer within the "
        "model divides once, however often a cell is run.",
        page="why-63",
        asks="Running a cell that divides by 255 a second time changes nothing.",
        holds=False,
    ),
    Card(
        name="one-figure",
        kind="program",
        says="It ends at 63%: one figure, one training, neither n nor an interval.",
        so="Of 10,000 pictures, 63% has a 95% interval from {low} to {high}. Another seed gives another figure: "
        "the {trainings} trainings of `fast` lie between {lowest} and {highest_fast}.",
        page="why-63",
        asks="The same training with another seed gives exactly the same accuracy.",
        holds=False,
    ),
    Card(
        name="decay",
        kind="program",
        says="`decay=1e-6` is there to lower the learning rate.",
        so="It hardly does: after 200 epochs of {steps} steps the rate is {rate_left} of what it was at first.",
        page="descent",
        asks="With `decay=1e-6` the learning rate is near zero after 200 epochs.",
        holds=False,
    ),
    Card(
        name="datagen-fit",
        kind="program",
        says="`datagen.fit(x_train)` computes what is not used.",
        so="It computes means and deviations for switches that are off. Without that call the pictures are the "
        "same, pixel for pixel.",
        page="augmentation",
        asks="Without `datagen.fit(x_train)` the tutorial's augmented pictures would be the same.",
        holds=True,
    ),
)
GROWN_OLD = (
    Card(
        name="hours",
        kind="grown old",
        says="63% takes “a few hours on a decent laptop”.",
        so="It need not be hours. On two cores of an Intel Xeon, `fast` with `--target 63%` was there in "
        "{seconds_to_63} seconds (median of {trainings_to_63}), and the whole of `fast` took {minutes_of_fast} minutes "
        "(median of {trainings}) for {accuracy_of_fast}. No laptop was measured.",
        page="better",
        asks="On two cores of an Intel Xeon, 63% on CIFAR-10 can be reached within a minute.",
        holds=True,
    ),
    Card(
        name="calls",
        kind="grown old",
        says="It calls what Keras had in its day.",
        so="Keras 3 refuses `lr`, ignores `decay` with a warning, and has neither `fit_generator` nor `np_utils` nor "
        "`optimizers.rmsprop`. Now they are `learning_rate`, a schedule, `fit`, `keras.utils` and "
        "`optimizers.RMSprop`; `docs/tutorial.ipynb` has the whole table.",
        page="descent",
        asks="Keras 3 still takes `RMSprop(lr=0.0001)`.",
        holds=False,
    ),
)
CARDS = TEXT + PROGRAM + GROWN_OLD


def facts() -> dict[str, Any]:
    """What the lesson shows."""
    known = figures()
    return {
        "cards": [asdict(card) | {"so": card.so.format(**known)} for card in CARDS],
        "twice": known["twice"],
        "steps": steps_per_epoch(),
    }
