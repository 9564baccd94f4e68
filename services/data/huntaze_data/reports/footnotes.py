"""What a report says about itself: how its figures are defined, and which data are in it."""

from huntaze_data.reports import wording
from huntaze_data.reports.edition import Edition

DEFINITIONS = [
    ("Followers", "of all connected accounts at the end of the period; never added up over days."),
    ("Revenue", "completed payments, before the platform's fees, as the application recorded them."),
    (
        "Answered within a day",
        "share of fans' turns (a first message after yours); of days that end 24 hours earlier.",
    ),
    ("Reach", "people who saw something of yours, added up over days and accounts."),
    ("Engagement rate", "likes, comments, shares and saves per person reached."),
    (
        "Change",
        "of the mean day, since months differ in length; of followers, growth; of shares, in points.",
    ),
    (
        "Lasting change",
        "Mann–Whitney U test of the daily values, p < 0.05 after Holm's correction, and at least a tenth.",
    ),
    ("Unusual", "more than 5 robust standard deviations from the median of the 28 days before."),
]


def facts(edition: Edition) -> list[tuple[str, str]]:
    """Tell zone, currency, and how far the data go."""
    report = edition.report
    begins, ends = (each.strftime("%Y-%m-%d %H:%M UTC") for each in (report.begins_at, report.ends_at))
    return [
        ("Days", f"of the zone {report.time_zone}, from {begins} to {ends}"),
        ("Compared with", wording.span(report.compared_with)),
        ("Currency", report.currency or "no payments"),
        (
            "Newest message or payment",
            "none" if report.data_until is None else wording.moment(report.data_until),
        ),
        (
            "Newest account figures",
            "none" if report.snapshots_until is None else wording.day(report.snapshots_until),
        ),
        ("Version", f"{edition.version}, of {edition.report_id}"),
    ]
