#!/usr/bin/env bash
# Builds the functions with `sam build` and runs each event of events/ through `sam local invoke` of
# whoever gets it, against the lab.
#
#   make sam-local               uses the Docker Engine that is there
#   INSTALL=1 make sam-local     as root on Debian: installs and starts one where there is none
#
# Environment: LAB=<address:port> uses a lab (or another endpoint) that runs already, on an address that containers reach.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
  echo "SKIPPED sam-local: $*"
  exit 0
}
fail() {
  echo "sam-local: $*" >&2
  exit 1
}

work=$(mktemp -d)
started=()
# Only what this script started is stopped.
cleanup() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT

# ---- Docker Engine ---------------------------------------------------------------------------------------------------

if ! docker info >/dev/null 2>&1; then
  if [ "${INSTALL:-}" = 1 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! command -v dockerd >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io iptables busybox-static
  fi
  [ "$(id -u)" = 0 ] || skip "no Docker Engine answers, and starting one takes root"
  command -v dockerd >/dev/null || skip "no Docker Engine is installed (as root on Debian: INSTALL=1 make sam-local)"
  dockerd >"$work/dockerd.log" 2>&1 &
  started+=($!)
  for _ in $(seq 30); do docker info >/dev/null 2>&1 && break; sleep 1; done
  docker info >/dev/null 2>&1 || { tail -3 "$work/dockerd.log"; skip "the Docker Engine does not start here"; }
fi

case $(uname -m) in
  x86_64) architecture=x86_64 loader=/lib64/ld-linux-x86-64.so.2 ;;
  aarch64) architecture=arm64 loader=/lib/ld-linux-aarch64.so.1 ;;
  *) skip "Lambda does not know the architecture $(uname -m)" ;;
esac

# ---- Base image ------------------------------------------------------------------------------------------------------

image=public.ecr.aws/lambda/provided:al2023-$architecture
# Amazon Linux 2023 if its registry can be reached. Else a stand-in of this machine's C library and a shell: enough to start
# the binary, no proof for the C library's version, which is checked below.
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
    echo "sam-local: the registry of Lambda's base images does not answer; using a stand-in made from this machine"
    stand_in || skip "no base image, and no busybox to make one of (Debian: busybox-static)"
  fi
fi

# ---- Build -----------------------------------------------------------------------------------------------------------

sam build --parameter-overrides "Architecture=$architecture" >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
for binary in .aws-sam/build/*/bootstrap; do
  # Amazon Linux 2023 has version 2.34 of the C library.
  newest=$(objdump -T "$binary" | grep -oE 'GLIBC_[0-9.]+' | sort -uV | tail -1)
  [ "$(printf '%s\n' "$newest" GLIBC_2.34 | sort -V | tail -1)" = GLIBC_2.34 ] || fail "$binary needs $newest"
done

# ---- Lab -------------------------------------------------------------------------------------------------------------

gateway=$(docker network inspect bridge --format '{{(index .IPAM.Config 0).Gateway}}')
if [ -z "${LAB:-}" ]; then
  LAB=$gateway:${LAB_PORT:-4599}
  cargo build -q -p tests --bin lab
  "${CARGO_TARGET_DIR:-target}/debug/lab" \
    --bind "${LAB%:*}" --port "${LAB##*:}" >"$work/lab.log" 2>&1 &
  started+=($!)
  for _ in $(seq 50); do (exec 3<>"/dev/tcp/${LAB%:*}/${LAB#*:}") 2>/dev/null && break; sleep 0.2; done
fi

# `--env-vars` overrides only what a function declares, and the endpoint is not declared: a copy of the template does.
sed -E "s|^( *)SSL_CERT_FILE: .*|&\n\1AWS_ENDPOINT_URL: http://$LAB|" .aws-sam/build/template.yaml >.aws-sam/build/local.yaml
grep -q "AWS_ENDPOINT_URL: http://$LAB" .aws-sam/build/local.yaml || fail "the built template has no environment to add to"

# ---- Run -------------------------------------------------------------------------------------------------------------

# Who gets an event, by the name of its file: as the rules of template.yaml have it.
receivers() {
  case $(basename "$1") in
    # Before the others that begin alike.
    migration-succeeded* | migration-failed*) echo DeployFunction ;;
    migration-* | ecs-migration-* | ecs-hook-* | snapshot-available* | snapshot-failed*) echo MigrateFunction ;;
    ecr-* | image-pushed* | sqs-batch* | deploy-* | rollback-requested*) echo DeployFunction ;;
    ecs-task-* | ecs-service-* | ecs-daemon-* | rollout-failed* | rollback-a* | verification-* | mute-* | healing-*)
      echo HealFunction
      ;;
    rds-* | snapshot-*) echo SnapshotFunction ;;
    ecs-deployment-* | ecs-rollback-*) echo DeployFunction HealFunction ;;
    # The sweep, and whatever is new.
    *) echo DeployFunction HealFunction SnapshotFunction MigrateFunction ;;
  esac
}

# The queue hands an event over as the body of a message.
wrap() {
  python - "$1" "$2" <<'PYTHON'
import json, sys
body, group = json.load(open(sys.argv[1])), sys.argv[2].removesuffix("Function").lower()
record = {"messageId": "059f36b4-87a3-44ab-83d2-661975830a7d", "receiptHandle": "handle", "body": json.dumps(body),
          "attributes": {"MessageGroupId": group, "ApproximateReceiveCount": "1"}, "messageAttributes": {},
          "eventSource": "aws:sqs", "eventSourceARN": f"arn:aws:sqs:eu-west-1:123456789012:{group}.fifo",
          "awsRegion": "eu-west-1"}
json.dump(body if "Records" in body else {"Records": [record]}, sys.stdout)
PYTHON
}

failed=0
# Without credentials of its own SAM hands over made-up ones; with them it would ask STS first. The exit code of `sam local
# invoke` is 0 even when the function fails, hence the look at its answer. What a function declares and this shell has set
# is taken from the shell, unless scripts/sam-local.env.json says it.
invoke() {
  local function=$1 event=$2
  wrap "$event" "$function" >"$work/batch.json"
  env -u AWS_ENDPOINT_URL -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY -u AWS_SESSION_TOKEN -u AWS_PROFILE \
    sam local invoke "$function" --template .aws-sam/build/local.yaml --event "$work/batch.json" --skip-pull-image \
    --env-vars scripts/sam-local.env.json --parameter-overrides "Architecture=$architecture" \
    >"$work/out" 2>"$work/err" || true
  if tail -1 "$work/out" | python -c 'import json,sys; sys.exit(json.load(sys.stdin).get("batchItemFailures") != [])' 2>/dev/null; then
    echo "ok      $function $event"
  else
    failed=1
    echo "FAILED  $function $event"
    tail -n 20 "$work/err" "$work/out"
  fi
}

for event in events/*.json; do
  for function in $(receivers "$event"); do invoke "$function" "$event"; done
done
exit "$failed"
