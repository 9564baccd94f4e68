"""Where the pictures of a video are kept. Keys are made from content, so writing again changes nothing.

``videos/`` holds what a job's result refers to. ``previews/`` holds what players and lists show and what can
be made again at any time, so that a bucket can expire it on its own schedule.
"""

import hashlib

from huntaze_video.extraction import Image, Sheet

_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


def grid_key(user_id: str, video_id: str, image: Image) -> str:
    """Name the composite grid."""
    return f"videos/{user_id}/{video_id}/grid/{_name(image)}"


def keyframe_key(user_id: str, video_id: str, image: Image) -> str:
    """Name one keyframe."""
    return f"videos/{user_id}/{video_id}/frames/{_name(image)}"


def preview_key(user_id: str, video_id: str, image: Image) -> str:
    """Name a frame of the first seconds, or the cover."""
    return f"previews/{user_id}/{video_id}/frames/{_name(image)}"


def sheet_key(user_id: str, video_id: str, sheet: Sheet) -> str:
    """Name a sheet of the storyboard; the map beside it refers to it by its last part."""
    return f"previews/{user_id}/{video_id}/storyboard/{sheet.name}"


def storyboard_key(user_id: str, video_id: str, vtt: bytes) -> str:
    """Name the storyboard's map."""
    return f"previews/{user_id}/{video_id}/storyboard/{hashlib.sha256(vtt).hexdigest()[:32]}.vtt"


def sha256(image: Image) -> str:
    """Return the picture's digest in hexadecimal."""
    return hashlib.sha256(image.data).hexdigest()


def _name(image: Image) -> str:
    return f"{sha256(image)[:32]}.{_EXTENSIONS[image.media_type]}"
