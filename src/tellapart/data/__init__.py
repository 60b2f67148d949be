"""Data: the way of an image from disk to tensor.

    open.py          a name, path or arrays -> Dataset: ids, labels, images not yet read
      sources/       one file per kind of source; registry.py lists them in the order they are tried
    dataset.py       Dataset and Split, the values that come out of it
    split.py         holds out the splits that the data set lacks
    images.py        where one image lies: a row of an array, a file, or encoded bytes
    fitted.py        such an image -> the pixels that a network gets; the one way of every command, by
      decode.py      file -> (H, W, 3) uint8, upright, in sRGB (`decoding/`: its parts), and
      preprocess.py  -> the network's height, width and channels: crop, pad or stretch
    store.py         reads a whole split that way -> (N, height, width, channels) uint8, by row
      decoded/       where that is more than the memory given: in a file, or decoded whenever it is needed
    sampler.py       which rows each step of a training sees, in which order
    augmentation/    changes to training batches: shifts, mirrors, gray squares; RICAP

`training/loader.py` puts the last three together into the batch of a step. An image to predict goes through
`fitted.py` alone. Pixels stay levels 0 to 255 throughout: the network scales them.

Knows nothing of networks.
"""
