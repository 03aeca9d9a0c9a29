"""Silence for libraries that print: results alone belong on the screen."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import numpy as np


@contextmanager
def quiet() -> Iterator[None]:
    """Let ONNX Runtime's quantisers say nothing.

    They print progress, log to the root logger, which would be set up for it, and take logarithms
    of empty bins. Whoever has a handler there still hears the log.
    """
    listener = logging.NullHandler()
    logging.root.addHandler(listener)
    try:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.root.removeHandler(listener)
