"""Write the names and groups of ImageNet's 1,000 classes, from WordNet 3.0: models/pretrained/imagenet.tsv.

    python scripts/imagenet_classes.py /usr/share/wordnet/data.noun

ImageNet's classes are synsets of WordNet 3.0, in the order of their offsets (n01440764 is the noun at offset 01440764);
the 1,000 of them are read from the table itself. Names and groups are derived anew:

- A class is called by the first lemma of its synset. Where that says too little or means something else to most people
  ("cock", "boxer", "safe"), NAMES has another lemma, or the lemma and what it is.
- A class belongs to the first group in GROUPS that names the class itself or a hypernym of it: "dog" is
  domestic_dog (n02084071), so a Labrador retriever, whose hypernyms include it, is a dog.

WordNet's files come with it (https://wordnet.princeton.edu/download/old-versions) and with Debian's package
wordnet-base. Its license is models/pretrained/WORDNET-LICENSE.txt.
"""

import sys
from pathlib import Path

TABLE = Path(__file__).parents[1] / "src" / "tellapart" / "models" / "pretrained" / "imagenet.tsv"
HEADER = "synset\tname\tgroup"

GROUPS = {
    "fish": "n02512053",
    "bird": "n01503061",
    "frog": "n01639765",
    "salamander": "n01629276",
    "turtle": "n01662784",
    "lizard": "n01674464",
    "crocodilian": "n01696633",
    "snake": "n01726692",
    "spider": "n01772222",
    "worm": "n01922303",
    "crab": "n01976957 n01986214",  # and the hermit crab
    "lobster": "n01982650",
    "beetle": "n02164464",
    "butterfly": "n02274259",
    "whale": "n02062744",
    "dog": "n02084071",
    "wolf": "n02114100",
    "wild dog": "n02115335",
    "fox": "n02118333",
    "cat": "n02121808",
    "wild cat": "n02120997 -n02121808",
    "bear": "n02131653",
    "rabbit or hare": "n02323902",
    "horse": "n02374451",
    "elephant": "n02503517 n01871265",  # and the tusker
    "pig": "n02395003",
    "bovine": "n02403003 n02408429 n02410509",
    "sheep": "n02412080 n02415577",  # the ram is a male in WordNet, not a sheep
    "antelope": "n02419796",
    "weasel or ferret": "n02441942 n02442845 n02443114 n02443484",
    "ape": "n02470325",
    "monkey": "n02484322",
    "lemur": "n02496913",
    "car": "n02958343",
    "bus": "n02924116",
    "truck": "n04490091 -n03770679",
    "train": "n02917067 n03272562 n04310018 n03393912 n03895866",
    "airplane": "n02690373 n04552348",
    "boat or ship": "n04530566 -n04347754",
    "bicycle": "n02834778",
    "moped or scooter": "n03785016 n03791053",
    "sled": "n04235291",
    "cart": "n03538406 n03868242",
    "gun": "n03343853",
    "chair": "n03001627",
    "baby bed": "n02766320",
    "lamp": "n04380533 n03637318",
    "clock": "n03046257",
    "computer": "n03180011 n03485407 n03642806 n03832673",
    "screen": "n03782006 n04152593",
    "telephone": "n02992529 n04401088",
    "keyboard": "n03614007",
    "tape player": "n02979186 n04392985",
    "camera": "n02942699",
    "pen": "n03906997",
    "guitar": "n03467517",
    "piano": "n03452741 n04515003",
    "bottle": "n02876657",
    "drinking glass": "n03438257 n03443371",
    "cup": "n03063599 n07930864",
    "bowl": "n03775546 n04263257",
    "bag": "n02773037 -n04235860",
    "bathtub": "n02808440 n04493381",
    "hat": "n03497657",
    "helmet": "n03513137 n03127747 n03379051 n03929855",
    "mask": "n03424325 n03724870 n03868863 n04229816",
    "sunglasses": "n04355933 n04356056",
    "shoe": "n03380867 n04199027",
    "swimsuit": "n04371563 n03710637",
    "sweater": "n04370048",
    "coat": "n03057021",
    "skirt": "n04230808",
    "tie": "n03815615",
    "ball": "n02778669",
    "missile": "n03773504 n04008634",
    "fence": "n03000134 n03930313 n04604644",
    "bridge": "n02898711",
    "shop": "n03748162",
    "mushroom": "n07734744 n12992868",
    "squash": "n07715561",
    "corn": "n12144580 n13133613",
    "flower": "n11669921 n12057211",
    "shore": "n09332890 n09399592 n09421951 n09428293",
    "mountain": "n09359803",
    "person": "n00007846",
}  # fmt: skip
"""Group -> synsets of it, or whose hyponyms are."""

NAMES = {
    "n01514668": "rooster",
    "n01608432": "kite (bird)",
    "n01622779": "great gray owl",
    "n01629819": "fire salamander",
    "n01677366": "iguana",
    "n01682714": "anole",
    "n01685808": "whiptail lizard",
    "n01755581": "diamondback rattlesnake",
    "n01817953": "African grey parrot",
    "n01847000": "drake (duck)",
    "n01871265": "tusker (elephant)",
    "n02012849": "crane (bird)",
    "n02027492": "dunlin",
    "n02066245": "gray whale",
    "n02086079": "Pekingese",
    "n02088238": "basset hound",
    "n02088632": "bluetick coonhound",
    "n02090379": "redbone coonhound",
    "n02096051": "Airedale terrier",
    "n02096177": "cairn terrier",
    "n02096437": "Dandie Dinmont terrier",
    "n02096585": "Boston terrier",
    "n02097298": "Scottish terrier",
    "n02098413": "Lhasa apso",
    "n02101556": "clumber spaniel",
    "n02102040": "English springer spaniel",
    "n02108000": "Entlebucher",
    "n02108089": "boxer (dog)",
    "n02108422": "bullmastiff",
    "n02111129": "Leonberger",
    "n02111277": "Newfoundland dog",
    "n02112137": "chow chow",
    "n02113023": "Pembroke Welsh corgi",
    "n02113186": "Cardigan Welsh corgi",
    "n02120505": "gray fox",
    "n02134084": "polar bear",
    "n02229544": "cricket (insect)",
    "n02231487": "stick insect",
    "n02276258": "admiral butterfly",
    "n02277742": "ringlet butterfly",
    "n02279972": "monarch butterfly",
    "n02281406": "sulfur butterfly",
    "n02281787": "lycaenid butterfly",
    "n02325366": "cottontail rabbit",
    "n02328150": "Angora rabbit",
    "n02389026": "sorrel horse",
    "n02412080": "ram (sheep)",
    "n02415577": "bighorn sheep",
    "n02484975": "guenon monkey",
    "n02486261": "patas monkey",
    "n02488702": "colobus monkey",
    "n02492035": "capuchin monkey",
    "n02493509": "titi monkey",
    "n02497673": "ring-tailed lemur",
    "n02509815": "red panda",
    "n02536864": "coho salmon",
    "n02655020": "pufferfish",
    "n02704792": "amphibious vehicle",
    "n02747177": "trash can",
    "n02783161": "ballpoint pen",
    "n02788148": "banister",
    "n02797295": "wheelbarrow",
    "n02814533": "station wagon",
    "n02814860": "lighthouse",
    "n02817516": "bearskin hat",
    "n02835271": "tandem bicycle",
    "n02840245": "ring binder",
    "n02879718": "bow (weapon)",
    "n02892201": "memorial plaque",
    "n02892767": "bra",
    "n02930766": "taxi",
    "n02939185": "cauldron",
    "n02966687": "tool kit",
    "n02992529": "cellphone",
    "n03014705": "chest (box)",
    "n03017168": "chime (bell)",
    "n03032252": "movie theater",
    "n03047690": "clog (shoe)",
    "n03089624": "candy store",
    "n03126707": "crane (machine)",
    "n03250847": "drumstick (drum)",
    "n03337140": "filing cabinet",
    "n03388549": "four-poster bed",
    "n03424325": "gas mask",
    "n03445924": "golf cart",
    "n03459775": "radiator grille",
    "n03483316": "hair dryer",
    "n03492542": "hard disk",
    "n03584829": "iron (for clothes)",
    "n03594734": "jeans",
    "n03595614": "T-shirt",
    "n03599486": "rickshaw",
    "n03673027": "ocean liner",
    "n03680355": "loafer (shoe)",
    "n03697007": "sawmill",
    "n03710637": "maillot (tights)",
    "n03710721": "maillot (swimsuit)",
    "n03777568": "Model T car",
    "n03782006": "monitor (screen)",
    "n03786901": "mortar (bowl)",
    "n03787032": "mortarboard (cap)",
    "n03793489": "computer mouse",
    "n03803284": "muzzle (of an animal)",
    "n03804744": "nail (metal)",
    "n03825788": "nipple (baby bottle)",
    "n03832673": "notebook computer",
    "n03854065": "pipe organ",
    "n03877472": "pajamas",
    "n03895866": "passenger car (train)",
    "n03929660": "plectrum",
    "n03930630": "pickup truck",
    "n03947888": "pirate ship",
    "n03950228": "pitcher (jug)",
    "n03954731": "plane (tool)",
    "n03991062": "flowerpot",
    "n04019541": "hockey puck",
    "n04037443": "race car",
    "n04067472": "fishing reel",
    "n04118776": "ruler",
    "n04125021": "safe (strongbox)",
    "n04141076": "saxophone",
    "n04141975": "scale (weighing)",
    "n04152593": "CRT screen",
    "n04243546": "slot machine",
    "n04325704": "stole (scarf)",
    "n04367480": "mop",
    "n04372370": "electric switch",
    "n04389033": "tank (military)",
    "n04399382": "teddy bear",
    "n04515003": "upright piano",
    "n04517823": "vacuum cleaner",
    "n04523525": "vault (ceiling)",
    "n04554684": "washing machine",
    "n04592741": "wing (aircraft)",
    "n04606251": "shipwreck",
    "n06359193": "website",
    "n07579787": "plate (meal)",
    "n07615774": "popsicle",
    "n07697537": "hot dog",
    "n07714571": "cabbage",
    "n07742313": "Granny Smith apple",
    "n09835506": "baseball player",
    "n10148035": "bridegroom",
    "n12620546": "rose hip",
    "n12768682": "horse chestnut",
    "n13133613": "ear of corn",
    "n15075141": "toilet paper",
}
"""Synset -> what its class is called, where that is not the first lemma."""


def read_wordnet(path):
    """Return synset -> (lemmas, hypernyms) of WordNet's file of nouns; its format is described in wndb(5WN)."""
    synsets = {}
    for line in path.read_text("latin-1").splitlines():
        if line.startswith(" "):
            continue  # the license
        fields = line.split(" | ")[0].split()
        words = int(fields[3], 16)
        pointers = fields[4 + 2 * words + 1 :]
        hypernyms = [
            f"n{pointers[i + 1]}" for i in range(0, len(pointers) - 3, 4) if pointers[i] in ("@", "@i")
        ]
        lemmas = [fields[4 + 2 * word].replace("_", " ") for word in range(words)]
        synsets[f"n{fields[0]}"] = (lemmas, hypernyms)
    return synsets


def kinds_of(synset, wordnet):
    """Return a synset and all its hypernyms."""
    kinds, waiting = set(), [synset]
    while waiting:
        kinds.add(kind := waiting.pop())
        waiting += wordnet[kind][1]
    return kinds


def group_of(synset, wordnet):
    kinds = kinds_of(synset, wordnet)
    groups = []
    for group, text in GROUPS.items():
        members, others = set(), set()
        for word in text.split():
            (others if word.startswith("-") else members).add(word.removeprefix("-"))
        if members & kinds and not others & kinds:
            groups.append(group)
    if len(groups) > 1:
        raise SystemExit(f"{synset} is in several groups: {groups}")
    return groups[0] if groups else ""


def table(synsets, wordnet):
    """Return the table's text for ImageNet's synsets in order."""
    rows = [
        f"{synset}\t{NAMES.get(synset, wordnet[synset][0][0])}\t{group_of(synset, wordnet)}"
        for synset in synsets
    ]
    return "\n".join([HEADER, *rows]) + "\n"


def main():
    wordnet = read_wordnet(Path(sys.argv[1]))
    synsets = [line.split("\t")[0] for line in TABLE.read_text().splitlines()[1:]]
    TABLE.write_text(table(synsets, wordnet))


if __name__ == "__main__":
    main()
