"""How far a frame lies from the cells of a picture that it should enclose."""

OFFSETS = """([canvas, frame, side, row, column, size]) => {
  const box = document.getElementById(canvas).getBoundingClientRect(), cell = box.width / side;
  const drawn = document.querySelector(frame).getBoundingClientRect();
  const [left, top] = [box.left + column * cell, box.top + row * cell];
  return [drawn.left - left, drawn.top - top, drawn.width - size * cell, drawn.height - size * cell];
}"""


def frame_offsets(page, canvas, frame, side, row, column, size=1):
    """Of a frame's left, top, width and height, in pixels.

    Args:
        page: the browser's.
        canvas: id of a square picture's canvas.
        frame: a selector.
        side: rows and columns of the picture.
        row, column: the first cell that the frame should enclose.
        size: rows and columns that it should enclose.
    """
    return page.evaluate(OFFSETS, [canvas, frame, side, row, column, size])
