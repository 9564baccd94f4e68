"""A report as one HTML page: no script, nothing loaded, light, dark and printable."""

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from huntaze_data.reports.edition import Edition
from huntaze_data.reports.presentation import present

_TEMPLATES = Environment(
    loader=PackageLoader("huntaze_data.reports", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
# The only markup that is not escaped is our own charts'; they escape what they hold.
_TEMPLATES.filters["svg"] = Markup


def write(edition: Edition) -> bytes:
    """Write the page; the same edition gives the same bytes."""
    return _TEMPLATES.get_template("page.html").render(view=present(edition)).encode()
