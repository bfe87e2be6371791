#!/usr/bin/env bash
# Runs the built functions in Lambda's container against the lab: scripts/sam_local.py says with what, and what must come of it.
# This file sees to the Docker Engine and to the base image, and takes away again what it brought.
#
#   make sam-local               uses the Docker Engine that is there
#   INSTALL=1 make sam-local     as root on Debian: installs one where there is none, and runs it while it is needed
#
# With CI=true it installs too, and what cannot be run is a failure and no skip.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${CI:-}" = true ]; then INSTALL=1; fi

skip() {
  echo "SKIPPED sam-local: $*" >&2
  [ "${CI:-}" != true ] || exit 1
  exit 0
}

case $(uname -m) in
  x86_64) architecture=x86_64 loader=/lib64/ld-linux-x86-64.so.2 ;;
  aarch64 | arm64) architecture=arm64 loader=/lib/ld-linux-aarch64.so.1 ;;
  *) skip "Lambda does not know the architecture $(uname -m)" ;;
esac

work=$(mktemp -d)
engine=
images_before=
# Only what was brought is taken away. The folder holds an engine's images too, if it was started here.
cleanup() {
  if [ -n "$images_before" ] && [ -z "$engine" ]; then
    docker image ls -q | grep -vxF -f "$images_before" | xargs -r docker image rm -f >/dev/null || true
  fi
  if [ -n "$engine" ]; then
    kill "$engine" 2>/dev/null && wait "$engine" 2>/dev/null || true
    [ -e "$work/bridge-was-there" ] || ip link delete docker0 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# ---- Docker Engine ---------------------------------------------------------------------------------------------------

install_engine() {
  local lists=/var/lib/apt/lists
  [ -n "$(find "$lists" -name '*_Packages*' -print -quit 2>/dev/null)" ] || apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io iproute2 iptables busybox-static >/dev/null
}

# An engine of its own, beside whatever else is configured: its socket, its images and its state are in the folder that goes.
start_engine() {
  [ ! -e /sys/class/net/docker0 ] || touch "$work/bridge-was-there"
  export DOCKER_HOST=unix://$work/docker.sock
  dockerd --host "$DOCKER_HOST" --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/docker.pid" \
    >"$work/dockerd.log" 2>&1 &
  engine=$!
  for _ in $(seq 60); do
    docker version >/dev/null 2>&1 && return
    kill -0 "$engine" 2>/dev/null || break
    sleep 0.5
  done
  tail -n 5 "$work/dockerd.log" >&2
  return 1
}

# `docker info` ends well even if no engine answers; what only an engine knows does not.
if ! docker version --format '{{.Server.Version}}' >/dev/null 2>&1; then
  [ "$(id -u)" = 0 ] || skip "no Docker Engine answers, and starting one takes root"
  if [ "${INSTALL:-}" = 1 ] && ! command -v dockerd >/dev/null; then
    command -v apt-get >/dev/null || skip "no Docker Engine is installed, and this is no Debian on which it could be"
    install_engine || skip "Debian's Docker Engine could not be installed"
  fi
  command -v dockerd >/dev/null || skip "no Docker Engine is installed (as root on Debian: INSTALL=1 make sam-local)"
  start_engine || skip "the Docker Engine does not start here"
fi
docker image ls -q >"$work/images"
echo none >>"$work/images" # A list without a line would match everything.
images_before=$work/images

# ---- Base image ------------------------------------------------------------------------------------------------------

image=public.ecr.aws/lambda/provided:al2023-$architecture

# Amazon Linux 2023 if its registry can be reached. Else a stand-in of this machine's C library and a shell: enough to start
# a binary, but no proof of the C library's version, which tests/built looks at in the binary.
stand_in() {
  local root=$work/root busybox
  busybox=$(command -v busybox) || return 1
  mkdir -p "$root"/{bin,dev,etc/pki/tls/certs,lib64,opt,proc,tmp,usr/bin,var/runtime,var/task}
  chmod 1777 "$root/tmp"
  cp "$busybox" "$root/bin/busybox"
  for tool in sh cat ls env sleep mkdir chmod; do ln -s busybox "$root/bin/$tool"; done
  echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/pki/tls/certs/ca-bundle.crt"
  mkdir -p "$root$(dirname "$loader")"
  cp -L "$loader" "$root$loader"
  local libraries
  libraries=$(dirname "$(readlink -f "$loader")")
  mkdir -p "$root$libraries"
  for library in libc.so.6 libm.so.6 libgcc_s.so.1 libdl.so.2 libpthread.so.0 librt.so.1 libresolv.so.2; do
    [ ! -e "$libraries/$library" ] || cp -L "$libraries/$library" "$root$libraries/"
  done
  tar -C "$root" -c . | docker import -c 'ENV PATH=/usr/bin:/bin LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime' \
    -c 'WORKDIR /var/task' - "$image" >/dev/null
}

if ! docker image inspect "$image" >/dev/null 2>&1; then
  if timeout 120 docker pull -q "public.ecr.aws/lambda/provided:al2023" >/dev/null 2>&1; then
    docker tag public.ecr.aws/lambda/provided:al2023 "$image"
  else
    echo "sam-local: the registry of Lambda's base images does not answer; the image is a stand-in made of this machine"
    stand_in || skip "no base image, and no busybox to make one of (Debian: busybox-static)"
  fi
fi

# ---- Run -------------------------------------------------------------------------------------------------------------

# Containers reach this machine on the bridge's own address, and it is nobody else's. Where the engine is on a virtual machine
# (Docker Desktop), nothing here has that address, and a name leads to this machine's loopback.
gateway=$(docker network inspect bridge --format '{{(index .IPAM.Config 0).Gateway}}')
[[ $gateway == *.* ]] || gateway=$(ip -4 -o address show docker0 | grep -oE '[0-9.]+/' | head -1 | tr -d /)
reach=$gateway
python -c 'import socket,sys; socket.socket().bind((sys.argv[1], 0))' "$gateway" 2>/dev/null || { gateway=127.0.0.1 reach=host.docker.internal; }
python scripts/sam_local.py --architecture "$architecture" --bind "$gateway" --reach "$reach" "$@"
