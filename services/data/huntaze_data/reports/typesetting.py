"""`python -m huntaze_data.reports.typesetting`: a report's words and pictures (JSON) in, a PDF out.

A process of its own, with limits of its own, that ends when it is done: what users wrote is laid out here,
and nothing that goes wrong with it reaches the worker. It sees its template and its fonts.
"""

import resource
import shutil
import sys
import tempfile
from importlib import resources
from pathlib import Path
from typing import Literal

import typst

SECONDS = 20
"""Of CPU; a usual report takes 0.3."""
_MEMORY = 2 << 30
"""Bytes of address space; the library alone maps a tenth of it."""


def main() -> int:
    """Typeset standard input."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    package = Path(str(resources.files("huntaze_data.reports")))
    with tempfile.TemporaryDirectory(prefix="report-") as root:
        template = shutil.copy(package / "templates" / "report.typ", root)
        sys.stdout.buffer.write(_compile(str(template), root, str(package / "fonts"), sys.stdin.read()))
    return 0


def _compile(template: str, root: str, fonts: str, view: str) -> bytes:
    """Make a PDF/UA; where a letter has no glyph, which that forbids, a tagged PDF with a box for it."""
    try:
        return _pdf(template, root, fonts, view, "ua-1")
    except typst.TypstError:
        return _pdf(template, root, fonts, view, "1.7")


def _pdf(template: str, root: str, fonts: str, view: str, standard: Literal["ua-1", "1.7"]) -> bytes:
    pdf = typst.compile(
        template,
        root=root,
        font_paths=[fonts],
        ignore_system_fonts=True,
        sys_inputs={"view": view},
        # Packages are looked for in this directory, where there are none.
        package_path=root,
        package_cache_path=root,
        format="pdf",
        pdf_standards=standard,
        timestamp=0,
    )
    assert isinstance(pdf, bytes)
    return pdf


if __name__ == "__main__":
    sys.exit(main())
