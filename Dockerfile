# One image for web, worker, beat and one-offs: docker-compose.yml gives each its command.
ARG PYTHON=python:3.11.14-slim-bookworm

FROM ${PYTHON} AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.txt /
# Wheels alone: nothing is compiled, so no compiler is needed here either.
RUN python -m venv /venv \
    && /venv/bin/pip install --require-hashes --only-binary :all: -r /requirements.txt \
    && /venv/bin/pip uninstall --yes pip setuptools

FROM ${PYTHON}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="faultline" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT"
# libseccomp locks the sandbox. pg_dump and pg_restore come with the Python packages.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libseccomp2 \
    && rm -rf /var/lib/apt/lists/* \
    && python -m pip uninstall --yes pip setuptools wheel \
    && useradd --uid 10001 --no-create-home --home-dir /scratch --shell /usr/sbin/nologin faultline \
    && install --directory --owner=faultline --group=faultline --mode=0700 /scratch /backups
COPY --from=packages /venv /venv
COPY . /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ORT_DISABLE_TELEMETRY=1 \
    DEBUG=0 \
    FAULTLINE_DATA=/scratch \
    TMPDIR=/scratch \
    STATIC_ROOT=/app/staticfiles
# The key is of this step alone, which signs nothing.
RUN SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(48))')" \
    python manage.py collectstatic --noinput \
    && python -m compileall -q /app \
    && rm -rf /scratch/* /tmp/*
# The code belongs to root and is not writable for who runs it. Only /scratch and /tmp need to be.
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "deploy/healthy.py"]
CMD ["gunicorn", "--config=python:config.gunicorn", "--bind=0.0.0.0:8000", "--workers=2", \
     "--graceful-timeout=30", "--worker-tmp-dir=/dev/shm", "config.wsgi"]
