"""What a process settles before it loads models: nothing looks at a network, nobody mutters."""

import ctypes
import gc
import os
import signal
import sys
import warnings

PR_SET_PDEATHSIG = 1
SWITCH_S = 0.0005
"""How long a thread that computes may keep the thread waiting that does the books."""


def settle() -> None:
    """Set it, for this process and those it starts."""
    # The bundled models lie in installed packages; a library that would look for newer ones must not.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # With CUDA's 8 queues, streams share some, and what decodes waits behind a network that it does not need:
    # on an H100 beside ViT-B/16 JPEGs were decoded at 2k a second, with 32 queues at 23k (sim/bench/bare.py).
    os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "32")
    # Pillow warns of each damaged EXIF field, with the callers' bytes in the text, and Python keeps them all.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


def bind_to_parent() -> None:
    """End when the parent has ended, however it did. Signals are its business: a terminal tells all."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def settle_memory() -> None:
    """What was loaded stays: the collector need not look through all the libraries at every turn."""
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
