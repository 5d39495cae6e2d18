# shellcheck shell=bash
# Sourced by the scripts beside it, never run: where the project is, how to
# speak, and the things that more than one of them needs to have installed.
# Everything it says goes to stderr, because stdout belongs to the scripts.

root=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Cargo takes a relative target directory from where it is called; the scripts
# change directory, the caller's meaning must not change with it.
case ${CARGO_TARGET_DIR:=$root/target} in
  /*) ;;
  *) CARGO_TARGET_DIR=$PWD/$CARGO_TARGET_DIR ;;
esac
export CARGO_TARGET_DIR

say() { printf 'pkv: %s\n' "$*" >&2; }

die() {
  say "$@"
  exit 1
}

# apt_install PACKAGE...: installs them, or fails where there is no apt-get or
# no way to become root.
apt_install() {
  local as_root=(env)
  type -P apt-get >/dev/null || return 1
  if [ "$(id -u)" -ne 0 ]; then
    type -P sudo >/dev/null || return 1
    as_root=(sudo env)
  fi
  say "installing $* (apt-get)"
  # A third-party repository that fails to update is no reason to stop: whether
  # the packages can be had is for the install to tell.
  "${as_root[@]}" apt-get -qq update </dev/null >&2 || true
  "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 \
    install -y --no-install-recommends "$@" </dev/null >/dev/null
}

# mirrors: where this machine gets its packages from, as far as there is a
# choice of suites. Works before the first `apt-get update`, and without root.
mirrors() {
  apt-get update --print-uris 2>/dev/null </dev/null |
    sed -n "s|^'\(.*\)/dists/[^']*/InRelease'.*|\1|p" | awk '!seen[$0]++'
}

# Rust and a linker for it.
need_rust() {
  # rustup's installer changes PATH for the next login only.
  if ! type -P cargo >/dev/null && [ -x "${CARGO_HOME:-${HOME:-}/.cargo}/bin/cargo" ]; then
    PATH=${CARGO_HOME:-${HOME:-}/.cargo}/bin:$PATH
  fi
  type -P cargo >/dev/null ||
    die "no cargo found: install Rust with rustup (https://rustup.rs), then run this again"
  if ! type -P cc >/dev/null; then
    apt_install gcc libc6-dev ||
      die "no C compiler found, Rust needs one to link: install gcc and the C library's headers (Debian: gcc libc6-dev; macOS: xcode-select --install)"
  fi
}

# What the JSON module's build reads Redis's header with (bindgen). Fails where it
# cannot be had.
need_libclang() {
  if [ -n "${LIBCLANG_PATH:-}" ]; then return; fi
  local dir
  # Debian's, which has clang's own headers in a package apart.
  for dir in /usr/lib/llvm-*/lib; do
    if compgen -G "$dir/libclang[.-][s0-9]*" >/dev/null && compgen -G "$dir/clang/*/include/stddef.h" >/dev/null; then return; fi
  done
  for dir in /usr/lib64 /usr/lib /usr/local/lib /Library/Developer/CommandLineTools/usr/lib /opt/homebrew/opt/llvm/lib; do
    # Not libclang-cpp, which comes alone too.
    if compgen -G "$dir/libclang.*" >/dev/null; then return; fi
  done
  # Not asking for a password: there is a way to go on without.
  if [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then return 1; fi
  apt_install libclang-dev
}

# build_json_module OPTION...: the module alone, since the library that its tests
# need beside it would keep the linker from leaving out what nobody calls.
build_json_module() {
  cargo rustc --locked --package pkv-json --crate-type cdylib "$@"
}

# Node for the JavaScript clients.
need_node() {
  local version
  version=$(node --version 2>/dev/null) || version=none
  if ! [[ $version =~ ^v([0-9]+)\. ]] || [ "${BASH_REMATCH[1]}" -lt 20 ] || ! type -P npm >/dev/null; then
    die "the JavaScript client's tests need Node.js 20 or newer with npm (found: $version): see https://nodejs.org"
  fi
}

# Python with venv, for clients and tools.
need_python() {
  # Debian splits off ensurepip, without which a venv has no pip.
  local with_venv=(python3 -c 'import venv, ensurepip')
  if "${with_venv[@]}" 2>/dev/null; then return; fi
  if ! apt_install python3 python3-venv || ! "${with_venv[@]}"; then
    die "the tests need python3 with venv (Debian: python3-venv)"
  fi
}

# The README's shell commands call it.
need_curl() {
  type -P curl >/dev/null || apt_install curl || die "the README's commands need curl: install it"
}
