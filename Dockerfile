# syntax=docker/dockerfile:1

# Perdure's image: every role, `start` and `dev` (deploy/README.md). Built for linux/amd64 and linux/arm64:
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg VERSION=0.1.0 --tag perdure/perdure:0.1.0 .

# --- Build: any Node from 20 on will do, the repository brings the one that it pins.
FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY . .
# Nobody is there to read progress, and the caches keep a second build from downloading everything again.
RUN --mount=type=cache,target=/root/.npm \
    --mount=type=cache,target=/root/.local/share/pnpm \
    npm run build \
 && npm run image-tree -- /perdure

# --- The image: what the build stage put together, and nothing to build with.
FROM debian:bookworm-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Perdure" \
      org.opencontainers.image.description="Durable execution for functions written with the Inngest SDKs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="docker.io/library/debian:bookworm-slim"

RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates tini \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 1000 perdure \
 && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin perdure \
 && install --directory --owner=1000 --group=1000 --mode=0750 /data

# Root's, so that a process can change neither its own program nor anything else: only /data and /tmp are written to.
COPY --from=build --link /perdure /perdure

ENV PATH=/perdure/bin:$PATH \
    NODE_ENV=production \
    TZ=UTC \
    # `dev` would listen on loopback alone, which nobody outside of the container reaches. The weaker one of the two names, so
    # that whoever sets either has the last word.
    INNGEST_HOST=0.0.0.0
USER 1000:1000
# The data folder of `start` is ./.perdure.
WORKDIR /data
# On Fargate a volume has the owner that it has here, and only when it is declared; `docker run --read-only` needs no more.
VOLUME ["/data", "/tmp"]
EXPOSE 8288

# Perdure handles signals itself, but Node as PID 1 would not reap the orphans of health checks and debugging shells.
ENTRYPOINT ["tini", "--"]
CMD ["perdure", "--help"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --start-interval=2s --retries=3 \
  CMD ["perdure", "doctor", "healthcheck"]
