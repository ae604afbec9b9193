#include "common/fault/protection.h"

#include <algorithm>
#include <array>

#include "common/base/text.h"

namespace heal::fault {
namespace {

/// Without them nobody would notice the fault, or nobody would undo it.
constexpr std::array<std::string_view, 8> kProtected{"prometheus",    "alertmanager", "heal-webhook", "heal-actuator",
                                                     "heal-exporter", "healctl",      "promheal",     "heal"};

bool is_protected(std::string_view name) {
  return std::find(kProtected.begin(), kProtected.end(), name) != kProtected.end();
}

/// `registry:5000/prom/prometheus:v2@sha256:…` -> `prometheus`.
std::string_view image_name(std::string_view image) {
  if (const auto slash = image.rfind('/'); slash != std::string_view::npos) image.remove_prefix(slash + 1);
  return image.substr(0, image.find_first_of(":@"));
}

}  // namespace

bool is_monitoring(const ContainerInfo& container) {
  return is_protected(label_value(container.labels, "heal.role")) ||
         is_protected(label_value(container.labels, "com.docker.compose.service")) ||
         is_protected(to_lower(image_name(container.image))) || is_protected(container.name);
}

Status check_may_break(const ContainerInfo& container, const std::string& own_container, InProduction in_production) {
  const auto refuse = [&](std::string_view why) {
    return make_error(ErrorCode::kRefused, "container {} may not be broken: {}", container.name, why);
  };
  if (label_value(container.labels, "heal.simulate") != "allow") {
    return refuse("it has no label heal.simulate=allow");
  }
  for (const std::string_view label : {"heal.role", "com.docker.compose.service"}) {
    const auto role = label_value(container.labels, label);
    if (is_protected(role)) return refuse(fmt::format("its label {} is {}", label, role));
  }
  const std::string image = to_lower(image_name(container.image));
  if (is_protected(image)) return refuse(fmt::format("its image is {}", container.image));
  if (is_protected(container.name)) return refuse("its name is that of a part of the monitoring");
  if (!own_container.empty() && container.id.starts_with(own_container)) {
    return refuse("it is the one this service runs in");
  }
  const bool is_in_production = to_lower(label_value(container.labels, "heal.environment")) == "production";
  if (is_in_production && in_production == InProduction::kRefuse) {
    return refuse(
        "it is in production (label heal.environment): only --yes-really (yes_really in a request) breaks it");
  }
  return {};
}

}  // namespace heal::fault
