"""Array types that pass between the data room's files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


Rows = NDArray[np.int64]
