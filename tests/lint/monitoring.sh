#!/bin/sh
# promtool and amtool over prometheus/ and alertmanager/: syntax, rule lint, rule unit tests, where each alert is routed.
set -eu
cd "$(dirname "$0")/../.."

for profile in production fast; do
  promtool check config --syntax-only "prometheus/$profile/prometheus.yml"
  promtool check rules --lint=all --lint-fatal "prometheus/$profile"/rules/*.yml
  amtool check-config "alertmanager/$profile/alertmanager.yml"
done
promtool test rules prometheus/tests/*_test.yml

# routes RECEIVER LABEL=VALUE…: this alert goes to that receiver and to no other, in both profiles.
routes() {
  receiver=$1
  shift
  for profile in production fast; do
    amtool config routes test --config.file "alertmanager/$profile/alertmanager.yml" --verify.receivers "$receiver" "$@"
  done
}
routes heal-webhook alertname=NginxDown container=nginx
routes heal-webhook alertname=ContainerDown container=nginx engine=local
routes people alertname=HealFailed container=nginx
routes people alertname=HealWebhookDown
routes people alertname=Watchdog
