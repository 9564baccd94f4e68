"""Messages on the pipes between the service and the decoding process.

Each is four bytes of length, big endian, and that many of MessagePack.
"""

from typing import BinaryIO, Final

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


def read_task(stream: BinaryIO) -> Task:
    """Read the one message that the decoding process gets."""
    length = int.from_bytes(stream.read(HEADER), "big")
    return _tasks.decode(stream.read(length))


def decode_answer(body: bytes) -> Answer:
    """Decode what the decoding process sent.

    Raises:
        msgspec.DecodeError: it is no answer; the process may have been taken over.
    """
    return _answers.decode(body)
