#!/usr/bin/env bash
# Installs what some of the tests use beside Node: Redis, Postgres, Chromium, ffmpeg, espeak-ng, strace, faketime, telephone prompts. Needs root and apt.
# What could not be had is said, and is no failure: the tests that need it say so themselves at the end of their run.
set -uo pipefail

declare -A packages=(
  [redis-server]=redis-server
  [postgres]=postgresql
  [chromium]=chromium
  [ffmpeg]=ffmpeg
  [strace]=strace
  [faketime]=faketime
  [espeak-ng]=espeak-ng
  [asterisk-prompts]=asterisk-core-sounds-ru-wav
)

has() {
  command -v "$1" >/dev/null 2>&1 && return 0
  # People's voices over the telephone: sounds, no program.
  [ "$1" = asterisk-prompts ] && compgen -G '/usr/share/asterisk/sounds/ru*/*.wav' >/dev/null && return 0
  # Debian keeps the server's own binaries out of PATH, one folder a version.
  [ "$1" = postgres ] && compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null
}

missing=()
for program in "${!packages[@]}"; do
  has "$program" || missing+=("$program")
done

if [ "${#missing[@]}" -gt 0 ]; then
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "setup: not root, or no apt: nothing is installed." >&2
  else
    export DEBIAN_FRONTEND=noninteractive
    # Package scripts must not start the servers they bring: the tests start their own.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
      trap 'rm -f "$policy"' EXIT
    fi
    apt-get update -qq || echo "setup: apt-get update failed; trying with the lists that are there." >&2
    for program in "${missing[@]}"; do
      # One by one: a package that cannot be had must not take the others with it.
      apt-get install -y -qq --no-install-recommends "${packages[$program]}" >/dev/null 2>&1 || true
    done
  fi
fi

for program in "${!packages[@]}"; do
  if has "$program"; then
    echo "setup: $program is there"
  else
    echo "setup: $program could NOT be had; what needs it will say so (package ${packages[$program]})" >&2
  fi
done
