"""The decoding process: read one task, confine itself, decode, answer."""

import os
import sys

from huntaze_video.decoder import wire
from huntaze_video.decoder.confinement import confine
from huntaze_video.decoder.preload import preload
from huntaze_video.decoder.reader import RemoteFile
from huntaze_video.errors import MediaRefused, MediaTooLarge
from huntaze_video.extraction import Answer, Need, Refusal
from huntaze_video.extractor import extract


def main() -> None:
    """Answer the task on standard input through what was standard output."""
    # Whatever a library prints must not get between the answers.
    answers = os.dup(1)
    os.dup2(2, 1)
    task = wire.read_task(0)
    preload()

    def send(answer: Answer) -> None:
        left = memoryview(wire.frame(answer))
        while left:
            left = left[os.write(answers, left) :]

    def require(start: int, length: int) -> None:
        send(Need(start=start, length=length))
        if not os.read(0, 1):
            sys.exit("the service has gone")

    confine(task.limits)
    try:
        source = RemoteFile(task.descriptor, task.size, require)
        send(extract(source, task.request, task.limits, send))
    except MediaRefused as refusal:
        send(Refusal(code=refusal.code, message=str(refusal)))
    except MemoryError:
        send(Refusal(code=MediaTooLarge.code, message="decoding needs more memory than a job may use"))


if __name__ == "__main__":
    main()
