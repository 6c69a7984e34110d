# Two stages: packages are built in the first, and the second holds nothing that is only needed to build.
FROM python:3.13-slim-trixie AS build
ENV UV_PROJECT_ENVIRONMENT=/app/.venv UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
RUN pip install --no-cache-dir uv==0.13.8
WORKDIR /app
COPY pyproject.toml uv.lock .python-version ./
RUN uv sync --locked --no-dev --python /usr/local/bin/python
COPY . .
# Static files need no keys of an installation, and no database.
RUN DEBUG=false SECRET_KEY=build DATABASE_ENCRYPTION_KEY=YnVpbGQtb25seS1idWlsZC1vbmx5LWJ1aWxkLW9ubHk= \
    GATEHOUSE_DATA_DIR=/tmp/build STATIC_ROOT=/app/static-built \
    .venv/bin/python manage.py collectstatic --noinput --verbosity 0

FROM python:3.13-slim-trixie
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin gatehouse \
    && install --directory --owner gatehouse --mode 700 /data
WORKDIR /app
COPY --from=build --chown=root:root /app /app
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    GATEHOUSE_DATA_DIR=/data STATIC_ROOT=/app/static-built PORT=8000 WEB_CONCURRENCY=2
USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 CMD ["python", "scripts/probe.py"]
STOPSIGNAL SIGTERM
CMD ["sh", "-c", "exec gunicorn config.asgi:application --config config/gunicorn.py --bind 0.0.0.0:$PORT"]
