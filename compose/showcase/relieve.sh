#!/bin/sh
# relieve cpu PERCENT | relieve memory MIB: ends, inside of a container, the process that uses most of a CPU or of memory, when it
# uses at least so much; process 1 and its workers are left alone. `relieve files AGE_MINUTES` deletes old files below /tmp;
# `relieve disk PERCENT FOLDER` the oldest files of a mounted folder, until less than so much of it is used.
# Run by the playbooks of compose/showcase through docker.exec, as the container's own user. Exit 3: nothing uses so much, or
# nothing that may be deleted frees enough; 4: so much is used by files that were deleted already, and are still open.
set -eu

stat_of() {  # pid, parent, CPU ticks and resident pages of every process
  for file in /proc/[0-9]*/stat; do
    sed -E 's/^([0-9]+) \(.*\) /\1 /' "$file" 2>/dev/null || :
  done | awk '{ print $1, $3, $13 + $14, $23 }'
}

# The one that uses most: "pid amount". The one that looks, process 1 and what that started do not count.
top() {
  awk -v self="$$" -v least="$1" '
    $1 != 1 && $2 != 1 && $1 != self && $2 != self && $3 > most { most = $3; pid = $1 }
    END { if (most >= least) print pid, int(most) }'
}

case ${1:-} in
  cpu)
    # What stands still for a moment with the rest of the machine has not become harmless: nothing is said of one second alone.
    for _ in 1 2 3; do
      before=$(stat_of)
      sleep 1
      found=$({ echo "$before"; echo '='; stat_of; } | awk -v hz="$(getconf CLK_TCK)" '
        $1 == "=" { now = 1; next }
        !now { then[$1] = $3; next }
        $1 in then { print $1, $2, ($3 - then[$1]) * 100 / hz }' | top "$2")
      [ -z "$found" ] || break
    done
    unit='% of a CPU' ;;
  memory)
    found=$(stat_of | awk -v page="$(getconf PAGESIZE)" '{ print $1, $2, $4 * page / 1048576 }' | top "$2")
    unit=MiB ;;
  files)
    find /tmp -xdev -type f -mmin "+$2" ! -name '*.pid' -print -delete
    exit ;;
  disk)
    used() { df -P "$1" | awk 'NR == 2 { print int($5) }'; }
    count=0
    while [ "$(used "$3")" -ge "$2" ]; do
      # Empty files would free nothing, and a listing that is cut off is no error.
      oldest=$(find "$3" -xdev -type f -size +0 -printf '%T@ %p\n' | sort -n | sed -n '1s/^[^ ]* //p')
      [ -n "$oldest" ] || break
      rm -f "$oldest" 2>/dev/null || break
      count=$((count + 1))
    done
    echo "deleted $count files of $3, $(used "$3") % of it is used now"
    [ "$(used "$3")" -ge "$2" ] || exit 0
    named=$(du -skx "$3" | cut -f1)
    nameless=$(df -Pk "$3" | awk -v named="$named" 'NR == 2 { print int(($3 - named) * 100 / $2) }')
    [ "$nameless" -ge "$2" ] || exit 3
    echo "$nameless % of it is in files without a name, which are still open"
    exit 4 ;;
  *)
    echo "usage: relieve cpu PERCENT | memory MIB | files AGE_MINUTES | disk PERCENT FOLDER" >&2
    exit 2 ;;
esac
[ -n "$found" ] || { echo "no process uses $2 $unit or more"; exit 3; }
pid=${found% *}
name=$(cat "/proc/$pid/comm")
kill -KILL "$pid"
echo "ended process $pid ($name), which used ${found#* } $unit"
