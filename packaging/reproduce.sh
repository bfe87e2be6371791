#!/usr/bin/env bash
# Builds and packs twice, in two folders with names of different length and with two cargo homes, and compares every byte.
#
#   packaging/reproduce.sh x86_64|arm64 [folder to work in]
set -euo pipefail
cd "$(dirname "$0")/.."
architecture=${1:?which architecture: x86_64 or arm64}
work=${2:-target/reproduce}
mkdir -p "$work"
work=$(cd "$work" && pwd -P)
python=$(pwd -P)/.venv/bin/python
home=${CARGO_HOME:-$HOME/.cargo}

for place in one another/much/longer/one; do
  rm -rf "${work:?}/$place"
  mkdir -p "$work/$place"
  # What is committed, as somebody else would get it.
  git archive HEAD | tar -x -C "$work/$place"
  (
    cd "$work/$place"
    unset CARGO_TARGET_DIR
    if [ "$place" != one ]; then
      # Another home, with the crates that are here already. What is unpacked of them has another path then.
      mkdir -p cargo-home/registry
      for part in index cache; do
        [ ! -d "$home/registry/$part" ] || cp -R "$home/registry/$part" cargo-home/registry/
      done
      for part in config.toml config; do
        [ ! -f "$home/$part" ] || cp "$home/$part" cargo-home/
      done
      export CARGO_HOME="$PWD/cargo-home"
    fi
    packaging/build.sh "$architecture"
    "$python" -B packaging/package.py --binaries target/lambda --out dist
  )
done

diff --brief --recursive "$work/one/dist" "$work/another/much/longer/one/dist"
echo "reproduced: two builds for $architecture, the same bytes in each of $(find "$work/one/dist" -type f | wc -l) files"
cat "$work/one/dist/SHA256SUMS"
