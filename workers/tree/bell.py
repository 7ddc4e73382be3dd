"""What wakes a process: an eventfd that everybody who sends to it rings, once for many messages."""

import os


def make_bell() -> int:
    """A new one; its descriptor."""
    return os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)


def ring(bell: int) -> None:
    """Wake its owner. Many rings before it looks are one."""
    os.eventfd_write(bell, 1)


def hush(bell: int) -> None:
    """The owner looks: from here on the next ring wakes it again."""
    try:
        os.eventfd_read(bell)
    except BlockingIOError:
        return  # somebody was faster with the same news
