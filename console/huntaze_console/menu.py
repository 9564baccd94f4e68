"""All pages, in the order of the menu, and all that their forms do."""

from typing import Any

from huntaze_console import alerts, cost, dead_letters, job, jobs, now, schedules, trends
from huntaze_console.pages import Action, Page

PAGES: tuple[Page[Any], ...] = (
    now.PAGE,
    jobs.PAGE,
    job.PAGE,
    schedules.PAGE,
    dead_letters.PAGE,
    alerts.PAGE,
    alerts.TRIAL,
    trends.PAGE,
    cost.PAGE,
)
ACTIONS: tuple[Action, ...] = (*job.ACTIONS, *schedules.ACTIONS, *dead_letters.ACTIONS, *alerts.ACTIONS)
