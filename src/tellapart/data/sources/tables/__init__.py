"""Tables of labels: one row an image, in whatever form people have them.

    table.py       what every reader returns: rows of cells, and a header where the file has one
    text.py        CSV and its relatives: the encoding and the separator are worked out
    objects.py     JSON Lines and JSON: records, columns, name -> label, COCO's image labels
    columns.py     which column is the path, the label, the split
    roles.py       the names that such columns have
    place.py       the images beside the table: a folder or an archive
    finder.py      from a cell to the image it means
    rows.py        table + place -> labeled rows, and what was left out
    class_names.py a file of class names

Nothing is guessed where two readings are plausible: the error names both, and the option that chooses.
"""
