# Not built where it was written (no Docker engine there): kept small enough to be checked by eye.

FROM python:3.13-slim AS build
RUN pip install --no-cache-dir "uv>=0.13"
WORKDIR /src
COPY . .
ENV UV_PROJECT_ENVIRONMENT=/opt/clarion UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN uv sync --frozen --no-dev --no-editable --extra postgres

FROM python:3.13-slim
RUN useradd --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin clarion \
    && install -d -m 0700 -o clarion -g clarion /data
COPY --from=build /opt/clarion /opt/clarion
ENV PATH=/opt/clarion/bin:$PATH PYTHONUNBUFFERED=1 CLARION_DATA=/data CLARION_BIND=0.0.0.0:8000
USER clarion
WORKDIR /data
VOLUME /data
EXPOSE 8000
# Plain HTTP: in a container TLS is the proxy's. Whoever sets CLARION_TLS_CERT replaces this check too.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["clarion"]
CMD ["serve"]
