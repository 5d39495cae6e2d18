# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by scripts/image after common.sh: find_engine finds something that
# builds and runs containers, and the images that the Dockerfile begins with.
#
# Docker or podman are taken as they are if they work and reach a registry.
# Elsewhere podman is set up below target/, with base images made from the
# machine's own package mirror and its own Rust; nothing under /etc is touched.

containers=$root/target/containers
# What podman keeps while it runs must not outlive a reboot, and each checkout has its own.
id=$(cksum <<<"$root" | cut -d' ' -f1)

# default_of NAME: the value that the Dockerfile gives a build argument.
default_of() { sed -n "s/^ARG $1=//p" "$root/Dockerfile" | head -n 1; }

# find_engine: sets engine, debian_image, rust_image, build_options and
# stand_ins (whether images are made here because no registry has them), or fails.
find_engine() {
  debian_image=$(default_of DEBIAN_IMAGE)
  rust_image=$(default_of RUST_IMAGE)
  build_options=()
  stand_ins=no
  # An engine that was set up earlier is asked first: it answers at once.
  if [ -w "$containers/containers.conf" ] && set_up_podman; then return; fi
  for engine in docker podman; do
    if type -P "$engine" >/dev/null && works >/dev/null 2>&1; then return; fi
  done
  set_up_podman
}

# works: whether $engine has the base images, or gets them, and runs one.
works() {
  local image
  "$engine" info || return 1
  for image in "$debian_image" "$rust_image"; do
    "$engine" image inspect "$image" || timeout 600 "$engine" pull "$image" || return 1
  done
  "$engine" run --rm "$debian_image" true
}

set_up_podman() {
  engine=podman
  stand_ins=yes
  debian_image=localhost/pkv-base:debian
  rust_image=localhost/pkv-base:rust
  build_options=(--pull=never --network host)
  if [ "$(id -u)" -ne 0 ]; then
    say "no Docker and no podman that works and reaches a registry; setting one up takes root"
    return 1
  fi
  install_podman && configure_podman && make_bases && podman run --rm --network none "$debian_image" true
}

install_podman() {
  if type -P podman runc iptables mmdebstrap eatmydata && [ -x /usr/lib/podman/netavark ] && [ -x /usr/lib/podman/aardvark-dns ]; then return; fi >/dev/null
  apt_install podman runc netavark aardvark-dns iptables mmdebstrap eatmydata
}

# configure_podman: podman's defaults ask for more open files than a container
# may have in which this runs, and for a cgroup manager that may not be there.
configure_podman() {
  mkdir -p "$containers/networks"
  export CONTAINERS_STORAGE_CONF=$containers/storage.conf CONTAINERS_CONF=$containers/containers.conf
  cat >"$CONTAINERS_STORAGE_CONF" <<CONF
[storage]
driver = "overlay"
graphroot = "$containers/store"
runroot = "/run/pkv-$id/storage"
CONF
  # A bridge and addresses for each checkout: none knows what another one uses.
  local net=10.$((64 + id % 64)) bridge=pkv-$((id % 1000000))
  cat >"$CONTAINERS_CONF" <<CONF
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "/run/pkv-$id/podman"
[network]
network_backend = "netavark"
network_config_dir = "$containers/networks"
default_subnet_pools = [{"base" = "$net.0.0/16", "size" = 24}]
CONF
  cat >"$containers/networks/podman.json" <<CONF
{
  "name": "podman", "driver": "bridge", "network_interface": "$bridge",
  "id": "$(printf podman | sha256sum | cut -c1-64)",
  "subnets": [{"subnet": "$net.0.0/24", "gateway": "$net.0.1"}],
  "ipam_options": {"driver": "host-local"}
}
CONF
}

has_image() { podman image exists "$1" 2>/dev/null; }

make_bases() {
  if ! has_image "$debian_image"; then
    say "making a base image (Debian 13, from this machine's package mirror) ..."
    make_debian || return 1
  fi
  if ! has_image "$rust_image"; then
    say "making a base image for the build (with this machine's Rust) ..."
    need_rust && make_rust || return 1
  fi
}

# make_debian: what debian:trixie-slim is, without documentation as that one.
make_debian() {
  local mirror tar=$containers/debian.tar
  for mirror in $(mirrors); do
    if eatmydata mmdebstrap --quiet --mode=root --variant=minbase \
      --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
      --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
      --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/lintian/*' \
      trixie "$tar" "$mirror" </dev/null >"$containers/log" 2>&1; then
      podman import --quiet "$tar" "$debian_image" >/dev/null && rm "$tar"
      return
    fi
  done
  sed 's/^/  /' "$containers/log" >&2
  return 1
}

# make_rust: with what cargo needs to reach its registry from here: the machine's
# certificates and cargo's own settings, which may name a mirror. It is only
# built in; nothing of it gets into the images that are made with it.
make_rust() {
  local host=$containers/host certificates
  rm -rf "$host" && mkdir -p "$host/cargo" || return 1
  for certificates in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt; do
    if [ -r "$certificates" ]; then
      cp "$certificates" "$host/certificates.pem"
      break
    fi
  done
  cp "${CARGO_HOME:-${HOME:-}/.cargo}/config.toml" "$host/cargo" 2>/dev/null || true
  podman build --quiet "${build_options[@]}" --tag "$rust_image" --file - \
    --volume "$(rustc --print sysroot):/host/rust:ro" "$host" >"$containers/log" 2>&1 <<BASE ||
FROM $debian_image
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists
RUN mkdir /usr/local/rust && cp -a /host/rust/bin /host/rust/lib /usr/local/rust
COPY . /usr/local/
ENV CARGO_HOME=/usr/local/cargo CARGO_HTTP_CAINFO=/usr/local/certificates.pem PATH=/usr/local/rust/bin:/usr/bin:/bin
BASE
    {
      sed 's/^/  /' "$containers/log" >&2
      return 1
    }
}
