#!/usr/bin/env bash
# Shared by demo.sh, images.sh and the tests: finds what is installed, finds or starts a Docker engine, says things.
# Sourced, never run. Every function returns non-zero with one line on stderr when it could not do its job.

export HEAL_ROOT
HEAL_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
HEAL_STATE_DIR=${HEAL_STATE_DIR:-${XDG_RUNTIME_DIR:-/run}/promheal}

if [ -t 2 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
  C_BOLD=$'\e[1m' C_DIM=$'\e[2m' C_RED=$'\e[31m' C_GREEN=$'\e[32m' C_YELLOW=$'\e[33m' C_OFF=$'\e[0m'
else
  C_BOLD='' C_DIM='' C_RED='' C_GREEN='' C_YELLOW='' C_OFF=''
fi
export C_BOLD C_DIM C_RED C_GREEN C_YELLOW C_OFF

say() { printf '%s\n' "${C_BOLD}==>${C_OFF} $*" >&2; }
note() { printf '%s\n' "    ${C_DIM}$*${C_OFF}" >&2; }
fail() { printf '%s\n' "${C_RED}error:${C_OFF} $*" >&2; return 1; }

# wait_until SECONDS WHAT COMMAND…: runs COMMAND until it succeeds; fails naming WHAT after SECONDS.
wait_until() {
  local limit=$1 what=$2 deadline
  shift 2
  deadline=$((SECONDS + limit))
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || { fail "gave up after ${limit} s waiting for ${what}"; return 1; }
    sleep 0.2
  done
}

# packages_of [SECTION…]: the packages of tests/packages.txt, of these sections or of all.
packages_of() {
  awk -v wanted=" $* " '
    /^# \[/ { section = $2; gsub(/[\[\]]/, "", section) }
    /^[^#]/ && (wanted ~ /^ *$/ || index(wanted, " " section " ")) { print $1 }' "$HEAL_ROOT/tests/packages.txt"
}

# install_packages PACKAGE…: installs what is missing with apt, starting no service.
install_packages() {
  local package missing=()
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || { fail "not a Debian system; install by hand: ${missing[*]}"; return 1; }
  [ "$(id -u)" = 0 ] || { fail "packages are missing and only root can install them: ${missing[*]}"; return 1; }
  say "installing ${#missing[@]} packages: ${missing[*]}"
  local log=${TMPDIR:-/tmp}/promheal-apt.log status=0
  _without_services _apt_install "${missing[@]}" >"$log" 2>&1 || status=$?
  [ "$status" = 0 ] || { tail -n 20 "$log" >&2; fail "apt-get could not install: ${missing[*]}"; return 1; }
}

_apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  local options=(-y --no-install-recommends -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3)
  apt-get install "${options[@]}" "$@" || { apt-get update && apt-get install "${options[@]}" "$@"; }
}

# Debian's way of saying "install, but start nothing": a policy-rc.d that answers 101, put away afterwards, however it ends.
POLICY_RC=/usr/sbin/policy-rc.d
_without_services() (
  if [ ! -e "$POLICY_RC" ]; then
    trap 'rm -f "$POLICY_RC"' EXIT
    trap 'exit 130' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$POLICY_RC"
    chmod 755 "$POLICY_RC"
  fi
  "$@"
)

docker_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# ensure_docker: an engine answers when this returns 0. One that runs already is used as it is; else, as root, dockerd is
# started by hand and left running (its pid in $HEAL_STATE_DIR/dockerd.pid, so that stop_docker ends only what we started).
ensure_docker() {
  command -v docker >/dev/null || install_packages docker.io || return 1
  docker_answers && return 0
  command -v dockerd >/dev/null || install_packages docker.io || return 1
  [ "$(id -u)" = 0 ] || { fail "no Docker engine answers and only root can start one"; return 1; }
  [ -z "${DOCKER_HOST:-}" ] || { fail "no Docker engine answers at DOCKER_HOST=$DOCKER_HOST"; return 1; }
  if [ -d /run/systemd/system ] && systemctl start docker >/dev/null 2>&1; then
    wait_until 30 "the docker service" docker_answers
    return
  fi
  mkdir -p "$HEAL_STATE_DIR"
  say "starting dockerd (log: $HEAL_STATE_DIR/dockerd.log)"
  setsid dockerd >"$HEAL_STATE_DIR/dockerd.log" 2>&1 </dev/null &
  echo $! >"$HEAL_STATE_DIR/dockerd.pid"
  wait_until 60 "dockerd to answer" docker_answers || { tail -n 15 "$HEAL_STATE_DIR/dockerd.log" >&2; return 1; }
}

# stop_docker: ends the dockerd that ensure_docker started, and no other.
stop_docker() {
  local file=$HEAL_STATE_DIR/dockerd.pid pid
  [ -s "$file" ] || return 0
  pid=$(cat "$file")
  if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ]; then
    kill "$pid" && wait_until 30 "dockerd to stop" test ! -d "/proc/$pid"
  fi
  rm -f "$file"
}

# compose ARG…: docker compose v2 if it is there, docker-compose 1.29 otherwise.
compose() {
  if docker compose version >/dev/null 2>&1; then
    docker compose "$@"
  else
    command -v docker-compose >/dev/null || install_packages docker-compose || return 1
    docker-compose "$@"
  fi
}

# The group that owns the engine's socket, for group_add.
docker_socket_gid() { stat -L -c %g "${HEAL_DOCKER_SOCKET:-/var/run/docker.sock}"; }
