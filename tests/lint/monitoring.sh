#!/bin/sh
# promtool and amtool over prometheus/ and alertmanager/: syntax, rule lint, rule unit tests, where each alert is routed.
set -eu
cd "$(dirname "$0")/../.."

for profile in production fast; do
  promtool check config --syntax-only "prometheus/$profile/prometheus.yml"
  promtool check rules --lint=all --lint-fatal "prometheus/$profile"/rules/*.yml
  amtool check-config "alertmanager/$profile/alertmanager.yml"
done
promtool check rules --lint=all --lint-fatal prometheus/showcase/rules/*.yml
amtool check-config alertmanager/showcase/alertmanager.yml
# Both are loaded when the showcase runs: an alert that is in both would fire twice (ServiceUnhealthy is of probes
# with another label `check` in each).
twice=$(sed -n 's/^ *- alert: *\([A-Za-z0-9_]*\).*/\1/p' prometheus/fast/rules/*.yml prometheus/showcase/rules/*.yml | sort | uniq -d | grep -vx ServiceUnhealthy || :)
if [ -n "$twice" ]; then
  echo "these alerts are in prometheus/fast/rules and prometheus/showcase/rules, or twice in one of them: $twice" >&2
  exit 1
fi
promtool test rules prometheus/tests/*_test.yml

# routes RECEIVER LABEL=VALUE…: this alert goes to that receiver and to no other, in both profiles.
routes() {
  receiver=$1
  shift
  for profile in production fast; do
    amtool config routes test --config.file "alertmanager/$profile/alertmanager.yml" --verify.receivers "$receiver" "$@"
  done
}
# In the showcase people hear of what is healed, too; of what heal-webhook says itself they alone. Failover has an address of its own.
amtool config routes test --config.file alertmanager/showcase/alertmanager.yml --verify.receivers people,failover alertname=onprem_down container=onprem
amtool config routes test --config.file alertmanager/showcase/alertmanager.yml --verify.receivers people,heal-webhook alertname=NginxDown container=nginx
amtool config routes test --config.file alertmanager/showcase/alertmanager.yml --verify.receivers people alertname=HealFailed container=nginx heal_incident=1
routes heal-webhook alertname=NginxDown container=nginx
routes heal-webhook alertname=ContainerDown container=nginx engine=local
routes heal-webhook alertname=onprem_down container=onprem
routes heal-webhook alertname=StandbyDown container=cloud group=standby
routes heal-webhook alertname=AddressNotServing container=haproxy
routes heal-webhook alertname=NginxHighCPU container=nginx engine=local
routes heal-webhook alertname=DemoApiHighErrorRate container=demo-api
routes heal-webhook alertname=VolumeFillingUp container=nginx mountpoint=/watched/nginx
routes people alertname=DiskFillingUp mountpoint=/
routes people alertname=HealFailed heal_incident=1
routes people alertname=Any container=nginx heal_incident=1
routes people alertname=HealNotHealed alert=ContainerDown unhealed=nginx
routes people alertname=HealWebhookDown
routes people alertname=HealProbeRefused service=nginx
routes heal-webhook alertname=Watchdog
routes people alertname=HealAlertPathDead
