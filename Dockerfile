# The images of docker-compose.yml: `site` (also runs the hub's jobs), `worker` (the judge) and `gpu-worker` (the judge on a
# card: the same with NVRTC, CuPy and the libraries that baselines are made of; the driver comes from the machine).
# The packages come from requirements.lock, every one checked against its hash; pip finds them where the builder's
# pip is configured to (PIP_INDEX_URL and friends as build arguments of the engine, never in this file).

FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8 PATH=/app/.venv/bin:$PATH
WORKDIR /app

FROM base AS packages
COPY requirements.lock ./
RUN python -m venv .venv \
 && .venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock

# The site, its jobs and its management commands. It runs no stranger's code and needs no rights at all.
FROM base AS site
RUN apt-get update \
 && apt-get install -y --no-install-recommends git \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --home-dir /nonexistent touchstone \
 && install -d -o touchstone -g touchstone /data
COPY --from=packages /app/.venv .venv
COPY manage.py ./
COPY bench_runner bench_runner
COPY tasks tasks
COPY templates templates
COPY static static
COPY locale locale
COPY hub hub
RUN python -m hub.services.translations
ENV DATA_DIR=/data
VOLUME /data
USER touchstone
EXPOSE 8000
CMD ["python", "-m", "uvicorn", "hub.asgi:application", "--host", "0.0.0.0", "--port", "8000", \
     "--loop", "uvloop", "--http", "httptools", "--ws", "none", "--no-access-log", "--no-server-header", \
     "--timeout-graceful-shutdown", "10"]

# The judge. Root inside, because it makes a cgroup and drops to another uid for every attempt; what it runs for
# strangers is not. It gets neither the site's code nor a way to the database.
FROM base AS worker
RUN apt-get update \
 && apt-get install -y --no-install-recommends bubblewrap g++ gcc libc6-dev libseccomp2 util-linux \
 && rm -rf /var/lib/apt/lists/*
COPY --from=packages /app/.venv .venv
COPY tasks tasks
COPY kernels kernels
# Compiled for every level of such processors, so that no guest's first call waits for a compiler; takes minutes.
RUN [ "$(uname -m)" != x86_64 ] \
 || (KERNELS_CACHE=/tmp/objects python -m kernels build --in-package && rm -r /tmp/objects)
COPY framework framework
COPY bench_runner bench_runner
ENV WORKER_DATA_DIR=/data
VOLUME /data
CMD ["python", "-m", "bench_runner", "worker"]

# The judge on an NVIDIA card. The kernels of baselines are compiled here, for every generation of cards.
FROM worker AS gpu-worker
COPY pyproject.toml README.md ./
RUN .venv/bin/pip install --no-cache-dir ".[gpu]" \
 && .venv/bin/pip uninstall --yes touchstone-hub \
 && for card in sm_80 sm_86 sm_89 sm_90a sm_120a; do python -m kernels build --card $card --in-package; done
