"""Sources: the kinds of data that `open_dataset` opens, one file each.

`registry.SOURCES` lists them in the order in which they are tried. `source` defines what an entry is,
`assemble` builds the Dataset that each of them returns.
"""
