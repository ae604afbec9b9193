#include "common/fault/protection.h"

#include <catch2/catch.hpp>

namespace heal::fault {
namespace {

ContainerInfo container(std::string name, std::string image, Labels labels) {
  ContainerInfo info;
  info.id = "aabbccddeeff00112233";
  info.name = std::move(name);
  info.image = std::move(image);
  info.labels = std::move(labels);
  return info;
}

const Labels kAllowed{{"heal.simulate", "allow"}};

Labels allowed_with(const std::string& name, const std::string& value) {
  Labels labels = kAllowed;
  labels[name] = value;
  return labels;
}

TEST_CASE("what may be broken opted in and is no part of the monitoring") {
  struct Case {
    ContainerInfo info;
    std::string own;
    std::string refusal;
    InProduction in_production = InProduction::kRefuse;
  };
  const auto c = GENERATE(values<Case>({
      {container("demo_nginx_1", "promheal-demo/nginx:local", kAllowed), "", ""},
      {container("web", "prometheus-adapter:1", kAllowed), "", ""},
      {container("web", "nginx", {}), "", "it has no label heal.simulate=allow"},
      {container("web", "nginx", {{"heal.simulate", "deny"}}), "", "it has no label heal.simulate=allow"},
      {container("web", "nginx", allowed_with("heal.role", "heal-exporter")), "",
       "its label heal.role is heal-exporter"},
      {container("x", "nginx", allowed_with("com.docker.compose.service", "alertmanager")), "",
       "its label com.docker.compose.service is alertmanager"},
      {container("x", "prom/prometheus:v2.53.4", kAllowed), "", "its image is prom/prometheus:v2.53.4"},
      {container("x", "quay.io:443/prometheus/alertmanager@sha256:12", kAllowed), "",
       "its image is quay.io:443/prometheus/alertmanager@sha256:12"},
      {container("x", "promheal:local", kAllowed), "", "its image is promheal:local"},
      {container("heal-webhook", "x", kAllowed), "", "its name is that of a part of the monitoring"},
      {container("x", "x", kAllowed), "aabbccddeeff", "it is the one this service runs in"},
      {container("x", "x", kAllowed), "bbccddeeff00", ""},
      {container("x", "x", allowed_with("heal.environment", "Production")), "",
       "it is in production (label heal.environment): only --yes-really (yes_really in a request) breaks it"},
      {container("x", "x", allowed_with("heal.environment", "production")), "", "", InProduction::kReally},
      {container("x", "x", {{"heal.environment", "production"}}), "", "it has no label heal.simulate=allow",
       InProduction::kReally},
      {container("x", "x", allowed_with("heal.environment", "staging")), "", ""},
  }));
  CAPTURE(c.info.name, c.info.image, c.refusal);
  const auto status = check_may_break(c.info, c.own, c.in_production);
  CHECK((status ? "" : status.error().str()) ==
        (c.refusal.empty() ? "" : "container " + c.info.name + " may not be broken: " + c.refusal));
}

}  // namespace
}  // namespace heal::fault
