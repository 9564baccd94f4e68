"""A trend's share over time as a picture: SVG, readable by itself, light or dark."""

from html import escape

from huntaze_contracts.trends import Trend, TrendsFound

from huntaze_trends.analysis import against_usual

_WIDTH, _HEIGHT = 760, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 20, 66, 240
_STYLE = """
svg{font:13px system-ui,sans-serif;background:#fff;color:#1c2733}
.t{font-size:18px;font-weight:600}.m{fill:#5b6875}.g{stroke:#e3e8ed}.b{fill:#9fb4c8}.h{fill:#e4572e}
.s{fill:#e4572e;opacity:.09}.u{stroke:#1c2733;stroke-dasharray:5 4}text{fill:#1c2733}
@media(prefers-color-scheme:dark){svg{background:#14191f}text{fill:#e8edf2}.m{fill:#9aa7b4}.g{stroke:#2b343d}
.b{fill:#4c6175}.u{stroke:#e8edf2}}
"""


def chart(trend: Trend, found: TrendsFound) -> str:
    """Draw the share of each window, the burst, the usual share, and the reasons.

    Everything that came from outside is escaped; the picture holds no script and loads nothing.
    """
    shares = trend.history or (trend.share,)
    top = _nice(1.05 * max(*shares, trend.base_share, 0.001))
    step = (_WIDTH - _LEFT - _RIGHT) / len(shares)
    hours = found.window_hours or 24.0
    burst = _burst_windows(trend, found, len(shares))
    parts = [*_frame(trend, top), *_days(len(shares), step, hours)]
    if burst:
        x = _LEFT + step * (len(shares) - burst)
        parts.append(
            f'<rect class="s" x="{x:.1f}" y="{_TOP}" width="{step * burst:.1f}" height="{_BOTTOM - _TOP}"/>'
        )
        parts.append(f'<text class="m" x="{x - 6:.1f}" y="{_TOP + 14}" text-anchor="end">burst</text>')
    for number, share in enumerate(shares):
        y = _y(share, top)
        kind = "h" if number >= len(shares) - burst else "b"
        parts.append(
            f'<rect class="{kind}" x="{_LEFT + step * number + step * 0.1:.1f}" y="{y:.1f}"'
            f' width="{step * 0.8:.1f}" height="{_BOTTOM - y:.1f}"/>'
        )
    usual = _y(trend.base_share, top)
    parts.append(f'<line class="u" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{usual:.1f}" y2="{usual:.1f}"/>')
    usual_share = f"usual share {trend.base_share:.2%}" if trend.base_share else "not seen before"
    parts.append(f'<text x="{_LEFT + 4}" y="{usual - 5:.1f}">{usual_share}</text>')
    lines = [*trend.reasons, *(f"note: {caveat}" for caveat in trend.caveats)][:6]
    parts += [
        f'<text x="{_LEFT}" y="{_BOTTOM + 48 + 19 * n}">• {_text(line)}</text>'
        for n, line in enumerate(lines)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
        f' aria-label="{_text(trend.identifier)} is {trend.state}">'
        f"<style>{_STYLE}</style>{''.join(parts)}</svg>"
    )


def _frame(trend: Trend, top: float) -> list[str]:
    mark = {"tag": "#", "sound": "♪ "}.get(trend.kind, "")
    figures = f"{trend.state}: {against_usual(trend)} its usual share"
    parts = [
        f'<text class="t" x="{_LEFT}" y="30">{_text(mark + trend.identifier)}</text>',
        f'<text class="m" x="{_LEFT}" y="50">{figures}; share of posts per window</text>',
    ]
    for quarter in range(5):
        share = top * quarter / 4
        y = _y(share, top)
        parts.append(f'<line class="g" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="m" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{share:.1%}</text>')
    return parts


def _days(windows: int, step: float, hours: float) -> list[str]:
    days = round(windows * hours / 24)
    labels: list[str] = []
    for back in range(0, days + 1, max(1, days // 7)):
        x = _LEFT + step * (windows - back * 24 / hours)
        if x >= _LEFT:
            name = "now" if back == 0 else f"−{back} d"
            labels.append(
                f'<text class="m" x="{x:.1f}" y="{_BOTTOM + 18}" text-anchor="middle">{name}</text>'
            )
    return labels


def _burst_windows(trend: Trend, found: TrendsFound, windows: int) -> int:
    if trend.since is None or found.until is None or not found.window_hours:
        return 0
    return min(windows, round((found.until - trend.since).total_seconds() / 3600 / found.window_hours))


def _y(share: float, top: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * min(1.0, share / top)


def _nice(value: float) -> float:
    """Return the next value of 1, 2, 3, 4, 6 or 8 times a power of ten: its quarters are short numbers."""
    power = 1e-4
    while True:
        for factor in (1, 2, 3, 4, 6, 8):
            if factor * power >= value:
                return factor * power
        power *= 10


def _text(text: str) -> str:
    return escape(text[:120], quote=True)
