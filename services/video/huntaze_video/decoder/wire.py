"""Messages on the pipes between the service and the decoding process.

Each is four bytes of length, big endian, and that many of MessagePack.
"""

import os
from typing import Final

import msgspec

from huntaze_video.extraction import Answer, Task

HEADER: Final = 4

_encoder = msgspec.msgpack.Encoder()
_answers = msgspec.msgpack.Decoder(Answer)
_tasks = msgspec.msgpack.Decoder(Task)


def frame(message: Answer | Task) -> bytes:
    """Return a message with its length before it."""
    body = _encoder.encode(message)
    return len(body).to_bytes(HEADER, "big") + body


def read_task(descriptor: int) -> Task:
    """Read the message with which the service begins, and not a byte more."""
    length = int.from_bytes(_read(descriptor, HEADER), "big")
    return _tasks.decode(_read(descriptor, length))


def _read(descriptor: int, length: int) -> bytes:
    data = b""
    while len(data) < length:
        chunk = os.read(descriptor, length - len(data))
        if not chunk:
            raise EOFError("the service has gone")
        data += chunk
    return data


def decode_answer(body: bytes) -> Answer:
    """Decode what the decoding process sent.

    Raises:
        msgspec.DecodeError: it is no answer; the process may have been taken over.
    """
    return _answers.decode(body)
