#!/usr/bin/env bash
# Makes the images of the stack on this machine.
#   images.sh base      debian:bookworm-slim: pulled, or made from Debian's packages where no registry answers
#   images.sh upstream  pulls the images that docker-compose.yml names
#   images.sh debian    nginx, Prometheus and Alertmanager from Debian's packages, as promheal-test/*:local
#   images.sh promheal  our own image from the programs in $HEAL_BIN_DIR (build/release/bin), compiled on Debian 12
#   images.sh source    our own image compiled inside Docker (the multi-stage path; any host)
# With several names, makes each in turn. An image that exists is kept; FORCE=1 makes it anew.
set -euo pipefail
# shellcheck source=compose/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

BASE_IMAGE=${BASE_IMAGE:-debian:bookworm-slim}
HEAL_IMAGE=${HEAL_IMAGE:-promheal:local}
HEAL_BIN_DIR=${HEAL_BIN_DIR:-$HEAL_ROOT/build/release/bin}

has_image() { [ -z "${FORCE:-}" ] && docker image inspect "$1" >/dev/null 2>&1; }

# The host's own Debian mirrors, proxy and acquire options, so that what works for apt here works in the image.
# shellcheck disable=SC2016  # apt expands these
host_sources() {
  apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
    grep -E '^deb [^ ]+ bookworm(-security|-updates)? ' | sort -u
}
host_apt_options() {
  apt-config dump | grep -E '^Acquire::(Check-[A-Za-z-]+|https?::Proxy(::[^ ]+)?|https?::Verify-[A-Za-z]+|Retries) "[^"]+";' || true
}

make_base() {
  has_image "$BASE_IMAGE" && return
  if [ -z "${HEAL_NO_PULL:-}" ] && timeout 60 docker pull -q "$BASE_IMAGE" >/dev/null 2>&1; then
    return
  fi
  say "no registry answers: making $BASE_IMAGE from Debian's packages"
  install_packages mmdebstrap
  local work
  work=$(mktemp -d)
  [ -n "$(host_sources)" ] || apt-get update >/dev/null
  host_sources >"$work/sources.list"
  host_apt_options >"$work/options"
  local options=(--variant=minbase --quiet --include=ca-certificates)
  options+=(--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*')
  options+=(--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright')
  local line
  while IFS= read -r line; do options+=(--aptopt="${line%;}"); done <"$work/options"
  mmdebstrap "${options[@]}" bookworm "$work/rootfs.tar" "$work/sources.list"
  docker import -c 'CMD ["bash"]' "$work/rootfs.tar" "$BASE_IMAGE" >/dev/null
  rm -rf "$work"
}

build_image() {  # build_image NAME CONTEXT [docker build options…]
  local name=$1 context=$2
  shift 2
  say "building the image $name"
  local log
  log=$(mktemp)
  docker build --build-arg BASE="$BASE_IMAGE" -t "$name" "$@" "$context" >"$log" 2>&1 ||
    { tail -n 40 "$log" >&2; rm -f "$log"; fail "docker build of $name failed"; return 1; }
  rm -f "$log"
}

make_upstream() {
  local image
  while read -r image; do
    has_image "$image" || docker pull -q "$image" >/dev/null || { fail "cannot pull $image"; return 1; }
  done < <(sed -nE 's/^ *image: \$\{(NGINX|PROMETHEUS|ALERTMANAGER)_IMAGE:-(.*)\}$/\2/p' "$HEAL_ROOT/compose/docker-compose.yml" | sort -u)
}

make_debian() {
  local name
  make_base
  for name in nginx prometheus alertmanager; do
    has_image "promheal-test/$name:local" || build_image "promheal-test/$name:local" "$HEAL_ROOT/compose/images/$name"
  done
}

# shellcheck disable=SC2016  # docker expands ${BASE}
make_promheal() {
  local program context runtime=${HEAL_IMAGE%%:*}-runtime:local
  make_base
  has_image "$runtime" || build_image "$runtime" "$HEAL_ROOT" --target runtime -f "$HEAL_ROOT/compose/Dockerfile"
  context=$(mktemp -d)
  for program in heal-exporter heal-webhook healctl; do
    strip -o "$context/$program" "$HEAL_BIN_DIR/$program" ||
      { rm -rf "$context"; fail "no program $HEAL_BIN_DIR/$program: build it first"; return 1; }
  done
  printf 'ARG BASE\nFROM ${BASE}\nCOPY heal* /usr/local/bin/\n' >"$context/Dockerfile"
  BASE_IMAGE=$runtime build_image "$HEAL_IMAGE" "$context"
  rm -rf "$context"
}

make_source() {
  make_base
  build_image "$HEAL_IMAGE" "$HEAL_ROOT" -f "$HEAL_ROOT/compose/Dockerfile"
}

[ $# -gt 0 ] || { sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2; }
ensure_docker
for what in "$@"; do
  case $what in
    base | upstream | debian | promheal | source) "make_$what" ;;
    *) fail "unknown image set '$what': expected base, upstream, debian, promheal or source"; exit 2 ;;
  esac
done
