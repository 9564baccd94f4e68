"""Turns a page's data into HTML: everything is escaped, nothing is trusted."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_SHOWN = 20_000
"""Characters of one JSON document on a page."""
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))

_environment = Environment(
    loader=PackageLoader("huntaze_console"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, values: Mapping[str, Any]) -> str:
    """Render a whole page."""
    return _environment.get_template(template).render(values)


def render_live(template: str, values: Mapping[str, Any]) -> str:
    """Render only the part of a page that changes while it is looked at: its block `live`."""
    found = _environment.get_template(template)
    return "".join(found.blocks["live"](found.new_context(dict(values))))


def instant(value: datetime | str | float | None) -> Markup:
    """Show an instant, or QStash's milliseconds, as UTC; the page's script puts it into the reader's zone."""
    if value is None:
        return Markup('<span class="dim">–</span>')
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif not isinstance(value, datetime):
        value = datetime.fromtimestamp(value / 1000, tz=UTC)
    at = value.astimezone(UTC)
    exact = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Markup('<time datetime="{}">{}</time>').format(exact, at.strftime("%Y-%m-%d %H:%M:%S UTC"))


def duration(seconds: float | None) -> str:
    """Show a time in the two largest units that it has."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    for size, name in _UNITS:
        if seconds >= size:
            rest = seconds % size
            below = {"d": (3600, "h"), "h": (60, "min"), "min": (1, "s")}[name]
            return f"{seconds // size:.0f} {name} {rest // below[0]:.0f} {below[1]}"
    raise AssertionError


def pretty(value: Any) -> str:
    """Show JSON with its lines indented; a very long document is cut, and says so."""
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False)
    cut = f"\n… {len(text) - _SHOWN:,} characters more" if len(text) > _SHOWN else ""
    return text[:_SHOWN] + cut


def dollars(value: float) -> str:
    """Show an amount of US dollars, small ones to the hundredth of a cent."""
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.4f}"


def address_with(query: msgspec.Struct, **changes: Any) -> str:
    """Return the address of the same page with another query."""
    asked = {**msgspec.to_builtins(query), **msgspec.to_builtins(changes)}
    return "?" + urlencode({name: value for name, value in asked.items() if value is not None})


_environment.filters |= {
    "address_with": address_with,
    "instant": instant,
    "duration": duration,
    "pretty": pretty,
    "dollars": dollars,
}
# A block that is rendered alone has no imports of its own.
_globals: dict[str, Any] = _environment.globals
_globals["parts"] = _environment.get_template("parts.html").module
