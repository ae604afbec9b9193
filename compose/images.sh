#!/usr/bin/env bash
# Makes the images of the stack on this machine.
#   images.sh base      debian:bookworm-slim: pulled, or made from Debian's packages where no registry answers
#   images.sh upstream  pulls the images that docker-compose.yml names
#   images.sh debian    nginx, Prometheus and Alertmanager from Debian's packages, as promheal-test/*:local
#   images.sh showcase-debian  HAProxy and the exporters from Debian's packages, as promheal-test/*:local
#   images.sh promheal  our own image from the programs in $HEAL_BIN_DIR (build/release/bin), compiled on Debian 12
#   images.sh source    our own image compiled inside Docker (the multi-stage path; any host)
#   images.sh showcase  what compose/showcase.yml needs of ours, from the same programs: promheal-ansible, promheal-demo-api
#                       and promheal-mail, all :local
#   images.sh showcase-source  the same, compiled inside Docker
# With several names, makes each in turn. An image is kept while the files that it was made from are the same; FORCE=1
# makes it anew.
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

# An image of an earlier recipe may lack what today's programs need.
recipe_image() {  # recipe_image NAME RECIPE CONTEXT [docker build options…]: kept while RECIPE, a file or a folder, is the same
  local name=$1 context=$3 label=promheal.recipe recipe
  recipe=$(cd "$(dirname "$2")" && find "$(basename "$2")" -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16)
  shift 3
  has_image "$name" && [ "$(docker image inspect -f "{{index .Config.Labels \"$label\"}}" "$name")" = "$recipe" ] && return
  build_image "$name" "$context" --label "$label=$recipe" "$@"
}

debian_images() {  # debian_images NAME…
  local name
  make_base
  for name in "$@"; do
    recipe_image "promheal-test/$name:local" "$HEAL_ROOT/compose/images/$name" "$HEAL_ROOT/compose/images/$name"
  done
}

make_debian() { debian_images nginx prometheus alertmanager; }

make_showcase_debian() { debian_images haproxy nginx-exporter node-exporter; }

runtime_image() {  # runtime_image STAGE: what programs are put on; says its name
  local name=${HEAL_IMAGE%%:*}-$1:local
  make_base >&2
  recipe_image "$name" "$HEAL_ROOT/compose/Dockerfile" "$HEAL_ROOT" --target "$1" -f "$HEAL_ROOT/compose/Dockerfile" >&2
  echo "$name"
}

# shellcheck disable=SC2016  # docker expands ${BASE}
with_programs() {  # with_programs IMAGE STAGE ENTRYPOINT PROGRAM…: natively compiled programs on a stage of the Dockerfile
  local image=$1 stage=$2 entry=$3 program context runtime
  shift 3
  runtime=$(runtime_image "$stage")
  context=$(mktemp -d)
  for program in "$@"; do
    strip -o "$context/$program" "$HEAL_BIN_DIR/$program" ||
      { rm -rf "$context"; fail "no program $HEAL_BIN_DIR/$program: build it first"; return 1; }
  done
  printf 'ARG BASE\nFROM ${BASE}\nCOPY [%s "/usr/local/bin/"]\n%s\n' "$(printf '"%s", ' "$@")" "$entry" >"$context/Dockerfile"
  BASE_IMAGE=$runtime build_image "$image" "$context"
  rm -rf "$context"
}

make_promheal() { with_programs "$HEAL_IMAGE" runtime '' heal-exporter heal-webhook healctl; }

make_showcase() {
  local ours=${HEAL_IMAGE%%:*}
  with_programs "$ours-ansible:local" runtime-ansible '' heal-exporter heal-webhook healctl
  with_programs "$ours-demo-api:local" runtime 'ENTRYPOINT ["demo-api"]' demo-api
  make_mail
}

make_showcase_source() {
  local ours=${HEAL_IMAGE%%:*}
  make_base
  build_image "$ours-ansible:local" "$HEAL_ROOT" --build-arg RUNTIME=runtime-ansible -f "$HEAL_ROOT/compose/Dockerfile"
  build_image "$ours-demo-api:local" "$HEAL_ROOT" --target demo-api -f "$HEAL_ROOT/compose/Dockerfile"
  make_mail
}

make_mail() {
  make_base
  recipe_image promheal-mail:local "$HEAL_ROOT/compose/images/mail" "$HEAL_ROOT/compose/images/mail"
}

make_source() {
  make_base
  build_image "$HEAL_IMAGE" "$HEAL_ROOT" -f "$HEAL_ROOT/compose/Dockerfile"
}

[ $# -gt 0 ] || { sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2; }
ensure_docker
for what in "$@"; do
  case $what in
    base | upstream | debian | promheal | source | showcase | showcase-debian | showcase-source) "make_${what//-/_}" ;;
    *) fail "unknown image set '$what'; the sets are: $(sed -nE 's/^#   images.sh ([a-z-]+) .*/\1/p' "$0" | paste -sd ' ')"; exit 2 ;;
  esac
done
