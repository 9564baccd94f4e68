"""Load everything that decoding will use, while files can still be opened.

Libraries load parts of themselves at their first use, which the system call filter would refuse.
"""

from importlib import import_module

from PIL import Image

_LATE = ("av.subtitles.stream", "av.subtitles.codeccontext", "PIL.WebPImagePlugin", "PIL._imagingft")


def preload() -> None:
    """Import what would otherwise be imported later."""
    Image.preinit()
    for name in _LATE:
        import_module(name)
