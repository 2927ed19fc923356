"""Two views of a sample by which clips are told apart quickly: the whole picture and its middle, mirrored or not."""

from __future__ import annotations

import numpy as np

from curate.dedup.geometry import SEEN, WHOLE, View, matrix_of

MIDDLE = View(0.05, 0.05, 0.9, 0.9)
MIRRORED = (np.arange(SEEN * SEEN) % SEEN % 2 == 1)[1:]
"""Which values a mirror turns round."""
_SAME_FIRST = np.argsort(MIRRORED, kind="stable")
NUM_SAME = int(np.count_nonzero(~MIRRORED))
TWO_VIEWS = np.hstack([matrix_of(view)[:, _SAME_FIRST] for view in (WHOLE, MIDDLE)]).astype(np.float32)
"""float32 [64, 2 * VALUES]: whole and middle, what a mirror turns round behind the NUM_SAME values that it does not."""
