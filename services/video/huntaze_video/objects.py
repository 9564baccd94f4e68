"""Where the pictures of a video are kept. Keys are made from content, so writing again changes nothing."""

import hashlib

from huntaze_video.extraction import Image

_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


def grid_key(user_id: str, video_id: str, image: Image) -> str:
    """Name the composite grid."""
    return f"videos/{user_id}/{video_id}/grid/{_name(image)}"


def keyframe_key(user_id: str, video_id: str, image: Image) -> str:
    """Name one keyframe."""
    return f"videos/{user_id}/{video_id}/frames/{_name(image)}"


def sha256(image: Image) -> str:
    """Return the picture's digest in hexadecimal."""
    return hashlib.sha256(image.data).hexdigest()


def _name(image: Image) -> str:
    return f"{sha256(image)[:32]}.{_EXTENSIONS[image.media_type]}"
