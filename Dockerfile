# The page of `restore serve` in a container, computed on the processor (docs/serve.md, "In a container"):
#
#   docker build -t restore .
#   docker run --rm -p 8188:8188 -e RESTORE_SERVE_PASSWORD restore

FROM python:3.12-slim AS build
# The index of torch's builds for processors, as pytorch.org names it. Without it come the builds with CUDA: they
# compute the same here, and make the image some gigabytes larger.
ARG TORCH_INDEX=""
RUN python -m venv /opt/restore
ENV PATH=/opt/restore/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# Before the sources, so that a change of them downloads nothing again.
RUN pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "torch>=2.10" "torchvision>=0.25"
COPY LICENSE README.md pyproject.toml /source/
COPY restore /source/restore
RUN pip install "/source[web,heif,jxl]"

FROM python:3.12-slim
# What OpenCV asks for.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/restore /opt/restore
# Files lie in a private folder in /tmp, and are removed at the end: with --read-only, mount --tmpfs /tmp.
ENV PATH=/opt/restore/bin:$PATH PYTHONUNBUFFERED=1 HOME=/tmp
WORKDIR /tmp
USER 1000:1000
EXPOSE 8188
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8188, timeout=5); c.request('GET', '/'); raise SystemExit(c.getresponse().status >= 500)"]
ENTRYPOINT ["restore"]
# The password comes from the environment: where RESTORE_SERVE_PASSWORD is not set, the server says so and ends.
CMD ["serve", "--host", "0.0.0.0", "--port", "8188", "--no-open"]
