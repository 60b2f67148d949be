"""Data: the way of an image from disk to tensor.

    open.py          a name, path or arrays -> Dataset: ids, labels, images not yet read
      sources/       one file per kind of source; registry.py lists them in the order they are tried
    dataset.py       Dataset and Split, the values that come out of it
    split.py         holds out the splits that the data set lacks
    images.py        reads one image: a row of an array, a file, or encoded bytes
    decode.py        file -> (H, W, 3) uint8, upright: a JPEG's orientation flag is applied here
    preprocess.py    -> the network's height, width and channels: crop, pad or stretch
    store.py         reads a whole split that way -> (N, height, width, channels) uint8, by row
    sampler.py       which rows each step of a training sees, in which order
    augmentation/    changes to training batches: shifts, mirrors, gray squares; RICAP

`training/loader.py` puts the last three together into the batch of a step. An image to predict goes through
`decode.py` and `preprocess.py` alone. Pixels stay levels 0 to 255 throughout: the network scales them.

Knows nothing of networks.
"""
