#!/usr/bin/env bash
# Shows the loop on this machine: builds promheal, starts the stack, breaks its nginx through healctl, and lets you watch it
# being healed. Leaves the stack running.
#
#   compose/demo.sh               on a bare Debian 12 as root, or on any machine with Docker
#   compose/demo.sh --fault stop  another fault: stop, kill (default), crash, pause; partition, which a restart cannot heal
#   compose/demo.sh --watch       break and watch the stack that runs already
#   compose/demo.sh --down        remove the stack: containers, networks, volumes
set -euo pipefail
# shellcheck source=compose/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$HEAL_ROOT"

what=all
fault='kill'
while [ $# -gt 0 ]; do
  case $1 in
    --fault) fault=${2:-}; shift ;;
    --watch) what=watch ;;
    --down) what=down ;;
    -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail "unknown argument '$1'; see --help"; exit 2 ;;
  esac
  shift || true
done
case $fault in
  stop | kill | crash | pause | partition) ;;
  *) fail "unknown fault '$fault': expected stop, kill, crash, pause or partition"; exit 2 ;;
esac

export COMPOSE_PROJECT_NAME=promheal HEAL_PROFILE=fast HEAL_IMAGE=promheal:local
# What the stack was started with, so that --watch and --down mean the same one.
settings=compose/secrets/demo.env

stack() { compose -f compose/docker-compose.yml "$@"; }

quietly() {  # quietly COMPLAINT ARG…: stack ARG…, whose output matters only when it fails
  local complaint=$1 log
  shift
  log=$(mktemp)
  stack "$@" >"$log" 2>&1 || { cat "$log" >&2; rm -f "$log"; fail "$complaint"; return 1; }
  rm -f "$log"
}

set_and_keep() {  # set_and_keep NAME VALUE
  export "$1=$2"
  printf '%s=%s\n' "$1" "$2" >>"$settings"
}

load_settings() {
  local line
  while IFS= read -r line; do export "${line?}"; done <"$settings"
}

# What is here of this project, and was started by hand or from another folder, is not ours to remove with its history.
check_ours() {
  local mine="label=com.docker.compose.project=$COMPOSE_PROJECT_NAME"
  [ ! -f "$settings" ] || return 0
  [ -n "$(docker ps -aq --filter "$mine"; docker volume ls -q --filter "$mine")" ] || return 0
  fail "a stack of the project $COMPOSE_PROJECT_NAME is here that this demo has not started, perhaps with history in its volumes:" || true
  docker ps -a --filter "$mine" --format '       {{.Names}}, from {{.Label "com.docker.compose.project.working_dir"}}' >&2
  docker volume ls --filter "$mine" --format '       volume {{.Name}}' >&2
  note "remove it as it was started: compose/demo.sh --down there, or docker compose down -v with its files"
  return 1
}

# Upstream's images if a registry answers, images from Debian's packages otherwise.
choose_images() {
  say "getting Prometheus, Alertmanager and nginx"
  if [ -z "${HEAL_NO_PULL:-}" ] && timeout 300 compose/images.sh upstream >/dev/null 2>&1; then return; fi
  note "no registry answers: Prometheus, Alertmanager and nginx come from Debian's packages"
  compose/images.sh debian
  set_and_keep NGINX_IMAGE promheal-test/nginx:local
  set_and_keep PROMETHEUS_IMAGE promheal-test/prometheus:local
  set_and_keep ALERTMANAGER_IMAGE promheal-test/alertmanager:local
}

# The usual port of each service, or the next free one.
choose_ports() {
  local pair name port
  for pair in NGINX_PORT:8080 EXPORTER_PORT:9115 WEBHOOK_PORT:9095 PROMETHEUS_PORT:9090 ALERTMANAGER_PORT:9093; do
    name=${pair%:*} port=${!name:-${pair#*:}}
    while (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 100)); done
    set_and_keep "$name" "$port"
  done
}

# Compiled here on Debian 12; inside Docker everywhere else.
build_programs() {
  if [ "$(. /etc/os-release && echo "${ID:-}${VERSION_ID:-}")" = debian12 ]; then
    local packages log=build/release/build.log
    mapfile -t packages < <(packages_of build engine)
    install_packages "${packages[@]}"
    mkdir -p build/release
    say "building the three programs (minutes the first time; log: $log)"
    { cmake --preset release && cmake --build --preset release -j "$(nproc)"; } >"$log" 2>&1 ||
      { tail -n 30 "$log" >&2; fail "the build failed"; return 1; }
    compose/images.sh promheal
  else
    compose/images.sh source
  fi
}

start() {
  ensure_docker
  check_ours
  mkdir -p compose/secrets
  chmod 700 compose/secrets
  build_programs
  DOCKER_GID=0 stack down -v --remove-orphans >/dev/null 2>&1 || true
  : >"$settings"
  choose_ports
  compose/secrets.sh
  choose_images
  say "starting the stack"
  quietly "the stack did not start" up -d --no-build
}

case $what in
  down)
    docker_answers || { fail "no Docker engine answers"; exit 1; }
    check_ours
    [ ! -f "$settings" ] || load_settings
    say "removing the stack"
    quietly "the stack was not removed" down -v --remove-orphans
    rm -f "$settings"
    say "its containers, networks and volumes are gone; images and programs are kept"
    [ ! -s "$HEAL_STATE_DIR/dockerd.pid" ] || note "dockerd, started by a script of ours, still runs: kill $(cat "$HEAL_STATE_DIR/dockerd.pid")"
    ;;
  watch)
    [ -f "$settings" ] || { fail "no demo stack runs; start it with compose/demo.sh"; exit 1; }
    load_settings
    python3 compose/demo.py --fault "$fault"
    ;;
  all)
    start
    load_settings
    python3 compose/demo.py --fault "$fault"
    [ ! -s "$HEAL_STATE_DIR/dockerd.pid" ] || note "dockerd was started by a script of ours and keeps running (log: $HEAL_STATE_DIR/dockerd.log)"
    ;;
esac
