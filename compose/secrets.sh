#!/usr/bin/env bash
# Makes what the stack needs and the repository must not hold:
#   compose/secrets/{ingest,viewer,operator}_password   random, one per user of heal-webhook; grafana_password, of its admin
#   compose/secrets/webhook/web.config.yml              the same users with bcrypt hashes, for heal-webhook
#   compose/secrets/healctl.yml                         for compose/healctl: user operator, and the stack's addresses, whose ports
#                                                       are those of docker-compose.yml's variables, or of the demo that runs
#   compose/.env                                        DOCKER_GID, the group that owns the Docker socket; the project, which
#                                                       is the same by hand and by demo.sh
# Keeps passwords that exist. To change one: empty its file (do not remove it: containers hold it), and run this again.
# HEAL_SECRETS names another folder; then no .env is written.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
secrets=${HEAL_SECRETS:-$here/secrets}
umask 077
# A folder of its own is mounted into heal-webhook: a file would stay the one that was there at the start.
mkdir -p "$secrets/webhook"
chmod 755 "$secrets/webhook"

# The files are bind-mounted into containers that run as other users, so the folder, not the file, keeps people out.
for user in ingest viewer operator grafana; do
  file=$secrets/${user}_password
  [ -s "$file" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$file"
  chmod 644 "$file"
done

bcrypt() {  # the bcrypt hash of the first line of a file, by the C library's own crypt()
  perl -e '
    use strict;
    open(my $file, "<", $ARGV[0]) or die "cannot read $ARGV[0]: $!\n";
    my $password = <$file>;
    chomp($password);
    my @alphabet = ("a".."z", "A".."Z", 0..9);
    my $salt = join("", map { $alphabet[rand @alphabet] } 1..21) . "e";
    my $hash = crypt($password, "\$2b\$10\$$salt") // "";
    die "this system has no bcrypt in its crypt()\n" unless $hash =~ /^\$2b\$10\$.{53}$/;
    print $hash;' "$1"
}

alertmanager=$(bcrypt "$secrets/ingest_password")
prometheus=$(bcrypt "$secrets/viewer_password")
operator=$(bcrypt "$secrets/operator_password")
cat >"$secrets/webhook/web.config.yml.new" <<EOF
# Made by compose/secrets.sh. Users of heal-webhook; what each may do stands in heal.yml.
basic_auth_users:
  alertmanager: "$alertmanager"
  prometheus: "$prometheus"
  operator: "$operator"
EOF
chmod 644 "$secrets/webhook/web.config.yml.new"
mv "$secrets/webhook/web.config.yml.new" "$secrets/webhook/web.config.yml"

address() {  # address VARIABLE PORT: of the service on that port, unless the variable, or the demo that runs, says another
  local demo=
  [ ! -f "$secrets/demo.env" ] || demo=$(sed -n "s/^$1=//p" "$secrets/demo.env" | tail -n 1)
  echo "http://127.0.0.1:${!1:-${demo:-$2}}"
}

cat >"$secrets/healctl.yml" <<EOF
server: $(address WEBHOOK_PORT 9095)
username: operator
password_file: operator_password
alertmanager: $(address ALERTMANAGER_PORT 9093)
prometheus: $(address PROMETHEUS_PORT 9090)
exporter: $(address EXPORTER_PORT 9115)
EOF
chmod 644 "$secrets/healctl.yml"

if [ -z "${HEAL_SECRETS:-}" ]; then
  socket=${HEAL_DOCKER_SOCKET:-/var/run/docker.sock}
  [ -S "$socket" ] || { echo "error: $socket is not a socket; is Docker running?" >&2; exit 1; }
  gid=${DOCKER_GID:-$(stat -L -c %g "$socket")} ||
    { echo "error: no group of $socket is known; say it: DOCKER_GID=... compose/secrets.sh" >&2; exit 1; }
  printf '%s\n' "DOCKER_GID=$gid" COMPOSE_PROJECT_NAME=promheal >"$here/.env"
fi
