"""A report as a PDF, typeset in a bounded process of its own."""

import asyncio
import re
import sys
from dataclasses import replace

import msgspec
import structlog
from huntaze_common.errors import RetryLater

from huntaze_data.reports import charts
from huntaze_data.reports.edition import Edition
from huntaze_data.reports.presentation import Chart, View, present

SECONDS = 30.0
"""That typesetting may take; a usual report takes less than one."""
_SVG = re.compile(r"(<svg [^>]*>)")
_log = structlog.get_logger()


class TypesettingFailed(RetryLater):
    """The PDF could not be made now: it took too long, or its process died."""

    code = "typesetting_failed"


async def write(edition: Edition) -> bytes:
    """Typeset a report; the same edition gives the same bytes.

    Raises:
        TypesettingFailed: it took too long, or its process failed.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", "huntaze_data.reports.typesetting"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={},
    )
    try:
        async with asyncio.timeout(SECONDS):
            pdf, complaint = await process.communicate(msgspec.json.encode(_on_paper(present(edition))))
    except TimeoutError:
        raise TypesettingFailed("the PDF took too long") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        # What it says may quote what users wrote: it is for the log's debug level only.
        _log.debug("typesetting_failed", complaint=complaint.decode(errors="replace")[-2000:])
        raise TypesettingFailed(f"the process that makes the PDF ended with {process.returncode}")
    return pdf


def _on_paper(view: View) -> View:
    """Give the charts the colours that the page's style sheet gives them in HTML."""
    return replace(
        view,
        tiles=[replace(tile, spark=_styled(tile.spark)) for tile in view.tiles],
        charts=[_styled_chart(chart) for chart in view.charts],
        sources=[replace(line, meter=_styled(line.meter)) for line in view.sources],
        hours=view.hours and _styled_chart(view.hours),
    )


def _styled_chart(chart: Chart) -> Chart:
    return replace(chart, wide=_styled(chart.wide), narrow="")


def _styled(svg: str) -> str:
    return _SVG.sub(rf"\1<style>{charts.PAPER}</style>", svg, count=1)
