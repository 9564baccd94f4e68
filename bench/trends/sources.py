"""Where the data is from and under which licence. None of it is committed; it is fetched when it is missing.

| set | repository @ commit | licence | used for |
|---|---|---|---|
| NAB realTweets: ten series of five-minute counts, 33 labelled windows | numenta/NAB | MIT | `volume` |
| Reddit's top posts, with time, community and title | umbrae/reddit-top-2.5-million | PDDL 1.0 (public domain) | `news` |
| YouTube trending, US and GB, daily snapshots of autumn 2017 | NevenaSoldat/DataMining | none stated: only measured on | `growth` |
"""

import csv
import io
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COMMITS = {
    "numenta/NAB": "ea702d75cc2258d9d7dd35ca8e5e2539d71f3140",
    "umbrae/reddit-top-2.5-million": "d0efcade504b8ed735a48ddc2b15552fa924c9d9",
    "NevenaSoldat/DataMining": "0c9f3070fa9023055c18d7a56f90a8d82b043394",
}
csv.field_size_limit(sys.maxsize)


@dataclass(frozen=True)
class Repository:
    """A git repository with data; read from its objects, without a work tree."""

    directory: Path

    def names(self, under: str) -> dict[str, str]:
        """Return the object id of each file."""
        listed = self._git("ls-tree", "-r", "-z", "HEAD", under).decode().split("\0")
        return {name: meta.split()[2] for meta, _, name in (line.partition("\t") for line in listed if line)}

    def read(self, path: str) -> str:
        """Return a file's text."""
        return self._git("show", f"HEAD:{path}").decode("utf-8-sig", errors="replace")

    def read_all(self, under: str) -> Iterator[tuple[str, str]]:
        """Yield name and text of each file that is there; some clones lack the largest ones."""
        command = ["git", "-C", str(self.directory), "cat-file", "--batch"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for name, sha in self.names(under).items():
                process.stdin.write(f"{sha}\n".encode())
                process.stdin.flush()
                header = process.stdout.readline().split()
                if header[1] != b"missing":
                    text = process.stdout.read(int(header[2]))
                    process.stdout.read(1)
                    yield name, text.decode("utf-8", errors="replace")
            process.stdin.close()

    def _git(self, *arguments: str) -> bytes:
        command = ["git", "-C", str(self.directory), *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def repository(name: str, data: Path) -> Repository:
    """Return a clone below ``data``, made from GitHub if it is not there: ``owner+name``, bare or not."""
    directory = data / name.replace("/", "+")
    for there in (directory / "repo", directory):
        if (there / "objects").is_dir() or (there / ".git").is_dir():
            return Repository(there)
    print(f"fetching {name}", file=sys.stderr)
    url = f"https://github.com/{name}.git"
    subprocess.run(["git", "init", "-q", "--bare", str(directory)], check=True)
    fetch = ["git", "-C", str(directory), "fetch", "-q", "--depth=1", url, COMMITS[name]]
    subprocess.run(fetch, check=True)
    subprocess.run(["git", "-C", str(directory), "update-ref", "HEAD", COMMITS[name]], check=True)
    return Repository(directory)


def rows(text: str) -> Iterator[dict[str, str]]:
    """Read CSV with a header."""
    return csv.DictReader(io.StringIO(text))
