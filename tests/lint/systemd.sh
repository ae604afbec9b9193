#!/usr/bin/env bash
# The units that `cmake --install` puts into place: systemd takes every line of them, they are confined, their users are made, the
# one with Docker's socket is nobody else's, and their programs know the flags that they are given.
#
#   tests/lint/systemd.sh BUILD-FOLDER PROGRAM-FOLDER
set -euo pipefail
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
DESTDIR=$root cmake --install "$1" --prefix /usr --component systemd >/dev/null
mkdir -p "$root/usr/bin" "$root/bin"
for program in usr/bin/heal-webhook usr/bin/heal-exporter bin/kill; do
  install -m 755 /dev/null "$root/$program"
done

units=("$root"/usr/lib/systemd/system/*.service)
[ ${#units[@]} = 3 ] || { echo "three units are expected, not ${#units[@]}"; exit 1; }
status=0
for unit in "${units[@]}"; do
  name=$(basename "$unit")
  # Other units of a host are not there; what is wrong with ours is named with its file and line.
  said=$(systemd-analyze verify --man=no --root="$root" "$unit" 2>&1 | grep -F "$name" | grep -vE 'Failed to add dependency|Unit .* not found' || true)
  [ -z "$said" ] || { echo "$said"; status=1; }
  systemd-analyze security --offline=true --root="$root" --threshold=30 --no-pager "$name" >"$root/report" 2>&1 || { echo "$name is exposed: $(tail -n 1 "$root/report")"; status=1; }
  user=$(sed -n 's/^User=//p' "$unit")
  grep -q "^u $user " "$root/usr/lib/sysusers.d/promheal.conf" || { echo "$name: nobody makes the user $user"; status=1; }
  read -r program mode _ <<<"$(sed -n 's/^ExecStart=//p' "$unit")"
  [[ $mode = --* ]] && mode=
  help=$("$2/$(basename "$program")" ${mode:+"$mode"} --help)
  mapfile -t flags < <(grep '^ExecStart=' "$unit" | grep -oE -- '--[a-z.-]+')
  for flag in "${flags[@]}"; do
    grep -qE -- "(^|[ ,])$flag([ =,]|$)" <<<"$help" || { echo "$name: $(basename "$program") $mode has no $flag"; status=1; }
  done
done
mapfile -t same < <(grep -lx "$(grep '^User=' "$root/usr/lib/systemd/system/heal-actuator.service")" "${units[@]}")
[ ${#same[@]} = 1 ] || { echo "heal-actuator shares its user: ${same[*]##*/}"; status=1; }
exit $status
