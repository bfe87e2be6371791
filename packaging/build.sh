#!/usr/bin/env bash
# Builds the functions as they are released, into $CARGO_TARGET_DIR/lambda (target/lambda unless set): the same bytes from the same
# sources and tools, wherever the folders of this machine are.
#
#   packaging/build.sh x86_64|arm64
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
x86_64) flag=--x86-64 triple=x86_64-unknown-linux-gnu ;;
arm64) flag=--arm64 triple=aarch64-unknown-linux-gnu ;;
*)
  echo "usage: packaging/build.sh x86_64|arm64" >&2
  exit 2
  ;;
esac

root=$(pwd -P)
target=${CARGO_TARGET_DIR:-$root/target}
cargo=${CARGO_HOME:-$HOME/.cargo}
# With the component rust-src, paths of the standard library become those of this machine again.
std=$(rustc --print sysroot)/lib/rustlib/src/rust
commit=$(rustc -vV | sed -n 's/^commit-hash: //p')

# RUSTFLAGS splits at blanks, and cargo-lambda knows no other way in.
for folder in "$root" "$target" "$cargo" "$std"; do
  case "$folder" in
  *[[:space:]]*)
    echo "cannot build in $folder: there is a blank in its name" >&2
    exit 1
    ;;
  esac
done

# The last one that fits wins: the target folder may be inside of the sources, or anywhere else.
flags="--remap-path-prefix=$cargo=/cargo --remap-path-prefix=$root=/steward --remap-path-prefix=$target=/target --remap-path-prefix=$std=/rustc/$commit"
# The folder of the crates is named after where they came from, which is not the same for whoever has a mirror.
cargo fetch --quiet --locked --target "$triple"
for crates in "$cargo"/registry/src/*; do
  flags="$flags --remap-path-prefix=$crates=/crates"
done
export RUSTFLAGS="$flags"
export CARGO_INCREMENTAL=0
# Another setting from the shell or from the user's configuration would give other bytes.
unset CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS

# One by one, as `sam build` does: together each would get the features that any of them asks for, the time zones of one first.
for function in deploy heal migrate snapshot; do
  cargo lambda build --release --locked "$flag" -p "$function"
done
