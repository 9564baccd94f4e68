# What stands around the workers where there is no cloud: the QStash server, the object store, the Apify stand-in; and
# the operator's command. For compose and tests; production uses the hosted ones.
#
#     docker build -f deploy/images/local.Dockerfile -t huntaze/local .
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
COPY 3rdparty/uv.lock ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip install --root-user-action=ignore --disable-pip-version-check --quiet --require-hashes -r uv.lock
ENV UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=true UV_LINK_MODE=copy UV_NO_PROGRESS=1 VIRTUAL_ENV=/venv
COPY 3rdparty/images/local.lock image.lock
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv --quiet --python /usr/local/bin/python /venv \
    && uv pip sync --quiet --require-hashes --compile-bytecode image.lock
COPY contracts contracts
COPY libs/common libs/common
COPY local local
COPY cli cli
RUN uv pip install --quiet --offline --no-deps --compile-bytecode \
        ./contracts ./libs/common ./local/qstash ./local/stack ./cli

FROM ${PYTHON_IMAGE}
RUN rm -rf /usr/local/lib/python3.13/*-packages/pip* /usr/local/lib/python3.13/ensurepip /usr/local/bin/pip*
COPY --from=build /venv /venv
# A volume that is mounted here belongs to the user that the image runs as.
RUN install -d -o 65532 -g 65532 /data
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
CMD ["qstash-local", "serve", "--host", "0.0.0.0", "--data", "/data/qstash.db"]
LABEL org.opencontainers.image.title="huntaze-local" org.opencontainers.image.licenses="MIT"
