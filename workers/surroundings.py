"""What a process settles before it loads models: nothing looks at a network, nobody mutters."""

import os
import warnings


def settle() -> None:
    """Set it, for this process and those it starts."""
    # The bundled models lie in installed packages; a library that would look for newer ones must not.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Pillow warns of each damaged EXIF field, with the callers' bytes in the text, and Python keeps them all.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
