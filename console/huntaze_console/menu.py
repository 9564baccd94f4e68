"""All pages, in the order of the menu, and all that their forms do."""

from typing import Any

from huntaze_console import job, jobs, now
from huntaze_console.pages import Action, Page

PAGES: tuple[Page[Any], ...] = (now.PAGE, jobs.PAGE, job.PAGE)
ACTIONS: tuple[Action, ...] = (*job.ACTIONS,)
