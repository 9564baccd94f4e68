# The image of one worker. Built from the root of the repository, once for each service:
#
#     docker build -f deploy/images/worker.Dockerfile --build-arg SERVICE=video -t huntaze/video .
#
# One recipe for the four, because nothing in it differs but the name: every dependency is a wheel that brings its
# own libraries, so there is no list of system packages for a service to have (docs/adr/0006-one-recipe.md).
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
COPY 3rdparty/uv.lock ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip install --root-user-action=ignore --disable-pip-version-check --quiet --require-hashes -r uv.lock
ENV UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=true UV_LINK_MODE=copy UV_NO_PROGRESS=1 VIRTUAL_ENV=/venv
ARG SERVICE
COPY 3rdparty/images/${SERVICE}.lock image.lock
# Third parties first: this layer stays when only our code changes.
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv --quiet --python /usr/local/bin/python /venv \
    && uv pip sync --quiet --require-hashes --compile-bytecode image.lock
COPY contracts contracts
COPY libs/common libs/common
COPY services/${SERVICE} services/${SERVICE}
RUN uv pip install --quiet --offline --no-deps --compile-bytecode \
        ./contracts ./libs/common ./services/${SERVICE} \
    && printf '#!/venv/bin/python\nfrom runpy import run_module\n\nrun_module("huntaze_%s", run_name="__main__", alter_sys=True)\n' \
        "${SERVICE}" >/venv/bin/worker \
    && chmod 755 /venv/bin/worker

FROM ${PYTHON_IMAGE}
# Nothing that installs or builds belongs into what runs.
RUN rm -rf /usr/local/lib/python3.13/*-packages/pip* /usr/local/lib/python3.13/ensurepip /usr/local/bin/pip*
COPY --from=build /venv /venv
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PORT=8000
USER 65532:65532
EXPOSE 8000
# Exec form: SIGTERM reaches the server itself, which drains and gives unfinished jobs back.
ENTRYPOINT ["worker"]
CMD ["serve"]
HEALTHCHECK --interval=15s --timeout=5s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
# Last, because they change with every commit.
ARG SERVICE
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="huntaze-${SERVICE}" \
      org.opencontainers.image.description="Huntaze worker: ${SERVICE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="MIT"
