"""django-qstash as a victim process. Each database statement ends with an await, so that it can die there."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import django
from asgiref.sync import async_to_sync
from django.conf import settings as django_settings
from django.core.asgi import get_asgi_application
from django.core.management import call_command
from django.db import connection
from django.db.backends.signals import connection_created
from huntaze_common.testing.victim import serve_lives

PATH = "api/workers/alert-checker"


@asynccontextmanager
async def open_site(settings: Mapping[str, str]) -> AsyncGenerator[Any]:
    """Open the site as an ASGI application."""
    await asyncio.to_thread(configure, settings)
    connection_created.connect(_await_after_statements, weak=False)
    yield get_asgi_application()


def configure(settings: Mapping[str, str]) -> None:
    """Set Django up, and make its tables where they are missing."""
    dsn = urlsplit(settings["DATABASE_URL"])
    django_settings.configure(
        ALLOWED_HOSTS=["*"],
        SECRET_KEY="bench",
        USE_TZ=True,
        ROOT_URLCONF="bench.peers.django_receiver",
        INSTALLED_APPS=["django_qstash", "django_qstash.results", "bench.peers.django_site"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": dsn.path[1:],
                "USER": dsn.username,
                "PASSWORD": dsn.password,
                "HOST": dsn.hostname,
                "PORT": dsn.port,
            }
        },
        QSTASH_TOKEN="token",
        QSTASH_CURRENT_SIGNING_KEY=settings["QSTASH_CURRENT_SIGNING_KEY"],
        QSTASH_NEXT_SIGNING_KEY=settings["QSTASH_NEXT_SIGNING_KEY"],
        DJANGO_QSTASH_DOMAIN=settings["PUBLIC_BASE_URL"],
        DJANGO_QSTASH_WEBHOOK_PATH=f"/{PATH}",
        DJANGO_QSTASH_FORCE_HTTPS=False,
    )
    django.setup()
    call_command("migrate", verbosity=0)
    connection.close()


def _await_after_statements(connection: Any, **_: Any) -> None:
    connection.execute_wrappers.append(_then_await)


def _then_await(execute: Callable[..., Any], *arguments: Any) -> Any:
    result = execute(*arguments)
    async_to_sync(asyncio.sleep)(0)
    return result


def __getattr__(name: str) -> Any:
    # Django asks its URL configuration for this only after it was set up, when the view can be imported.
    if name == "urlpatterns":
        from django.urls import path
        from django_qstash.views import qstash_webhook_view

        return [path(PATH, qstash_webhook_view)]
    raise AttributeError(name)


if __name__ == "__main__":
    serve_lives(open_site, int(sys.argv[2]))
