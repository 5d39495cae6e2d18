# pkv and a Redis 8 in one image. There are two of them:
#
#   docker build -t pkv .                            Debian, with redis-cli and a shell
#   docker build -t pkv:minimal --target minimal .   nothing but the two programs and their libraries
#
# Both run as uid 1000 or as any other user, with a read-only root file system,
# without capabilities, and start without a shell. scripts/image builds and tests them.

# Both are Debian 13, the first with Redis 8. A digest can be pinned:
# --build-arg DEBIAN_IMAGE=debian@sha256:…
ARG RUST_IMAGE=rust:1-slim-trixie
ARG DEBIAN_IMAGE=debian:trixie-slim


FROM ${RUST_IMAGE} AS build
WORKDIR /build
# Addresses that the loader puts right take 0.4 MB less in this form, which Debian 13's loader knows
# (glibc 2.36).
ENV RUSTFLAGS="-C link-arg=-Wl,-z,pack-relative-relocs"
# The JSON module's build reads Redis's header with it.
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends libclang-dev \
 && rm -rf /var/lib/apt/lists/*
# The dependencies, in a layer that only changes with them.
COPY Cargo.toml Cargo.lock ./
COPY module/Cargo.toml module/
RUN mkdir src module/src \
 && echo 'fn main() {}' >src/main.rs \
 && touch src/lib.rs module/src/lib.rs \
 && cargo build --locked --release \
 && cargo rustc --locked --release --package pkv-json --crate-type cdylib \
 && rm -r src module/src
COPY etc etc
COPY src src
COPY module/src module/src
# Cargo goes by the files' times, and these may be older than the layer above.
# Both at once, each in a directory of its own, since most of their builds is work for one core.
RUN touch src/main.rs src/lib.rs module/src/lib.rs \
 && cp -a target target-module \
 && { CARGO_TARGET_DIR=target-module cargo rustc --locked --release --package pkv-json --crate-type cdylib & } \
 && cargo build --locked --release \
 && wait "$!" \
 && mv target-module/release/libpkv_json.so target/release/ \
 && rm -r target-module


FROM ${DEBIAN_IMAGE} AS runtime
# Debian's two checkers of Redis's files are the server under other names: one of
# the three is enough. The package that is named redis-server would bring nothing
# else but an init script, a configuration, a user and a log.
# /data is for whoever runs the image: pkv makes its files there for their owner alone.
# /app is for nobody: data there would seem to be kept, and go with the container.
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates redis-tools \
 && apt-get clean \
 && ln -s redis-check-rdb /usr/bin/redis-server \
 && cmp /usr/bin/redis-check-rdb /usr/bin/redis-check-aof \
 && ln -sf redis-check-rdb /usr/bin/redis-check-aof \
 && redis-server --version \
 && useradd --uid 1000 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin pkv \
 && rm -rf /etc/*- /var/lib/apt/lists/* /var/cache/* /var/log/* /tmp/* \
 && install -d -m 1777 /data \
 && install -d /app


# What the minimal image consists of.
FROM runtime AS parts
COPY --from=build /build/target/release/pkv /usr/local/bin/pkv
COPY --from=build /build/target/release/libpkv_json.so /usr/local/lib/pkv/
WORKDIR /parts
# Beside the files themselves: who made them and under which licence, and what
# vulnerability scanners look for in an image without a package manager.
RUN set -eu; \
    mkdir -p app data etc/ssl/certs tmp var/lib/dpkg/status.d; \
    chmod 1777 data tmp; \
    cp /etc/ssl/certs/ca-certificates.crt etc/ssl/certs; \
    grep -E '^(root|pkv):' /etc/passwd >etc/passwd; \
    grep -E '^(root|pkv):' /etc/group >etc/group; \
    echo 'hosts: files dns' >etc/nsswitch.conf; \
    programs='/usr/bin/redis-server /usr/local/bin/pkv /usr/local/lib/pkv/libpkv_json.so'; \
    files="$programs $(ldd $programs | sed -n 's|^[^/]*\(/[^ ]*\) (.*|\1|p' | sort -u)"; \
    cp -L --parents $files .; \
    for file in $files; do \
      package=$(dpkg-query -S "$(readlink -f "$file")" 2>/dev/null | cut -d: -f1); \
      if [ -z "$package" ]; then continue; fi; \
      cp --parents "$(readlink -f "/usr/share/doc/$package")/copyright" .; \
      dpkg-query -s "$package" >"var/lib/dpkg/status.d/$package"; \
    done


FROM scratch AS minimal
COPY --from=parts /parts /
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pkv" \
      org.opencontainers.image.description="Serverless Redis in one container: Redis behind Upstash's REST API" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# The C library, of which pkv has its larger pieces of memory, keeps what was freed in up to eight places
# for each core, for good: after large answers pkv would stay larger than it need be. scripts/bench
# measures with the same.
ENV PATH=/usr/local/bin:/usr/bin \
    MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=524288 MALLOC_TRIM_THRESHOLD_=2097152
WORKDIR /app
USER 1000:1000
EXPOSE 7860
VOLUME /data
STOPSIGNAL SIGTERM
# Not ready for 15 s is unhealthy, but for a minute after the start: a store of gigabytes is being loaded.
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 CMD ["/usr/local/bin/pkv", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/pkv"]


# The last one is what `docker build .` makes. Its settings are the minimal one's.
FROM runtime AS default
COPY --from=build /build/target/release/pkv /usr/local/bin/pkv
COPY --from=build /build/target/release/libpkv_json.so /usr/local/lib/pkv/
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pkv" \
      org.opencontainers.image.description="Serverless Redis in one container: Redis behind Upstash's REST API" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/usr/local/bin:/usr/bin \
    MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=524288 MALLOC_TRIM_THRESHOLD_=2097152
WORKDIR /app
USER 1000:1000
EXPOSE 7860
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 CMD ["/usr/local/bin/pkv", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/pkv"]
