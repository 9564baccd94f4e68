"""The same work as the other receivers do, as a task."""

from django.db import connection
from django_qstash import stashed_task


@stashed_task
def work(job_id: str) -> None:
    """Leave the effects that are counted."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO effect VALUES (%s)", [job_id])
        cursor.execute("UPDATE total SET n = n + 1")
