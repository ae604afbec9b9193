#include <algorithm>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/model/container.h"
#include "common/playbook/heal_config.h"

namespace heal::playbook {
namespace {

constexpr std::string_view kEnable = "heal.enable";
constexpr std::string_view kHealth = "heal.health";
constexpr std::string_view kGroup = "heal.group";
constexpr std::string_view kSimulate = "heal.simulate";

Error wrong_label(const TargetId& id, std::string_view label, std::string_view value, std::string_view expected) {
  return make_error(ErrorCode::kInvalid, "{}: its label {}=\"{}\" cannot be used: expected {}", id.str(), label,
                    printable(value, 80), expected);
}

/// True for no group, too. It goes into queries and metrics.
bool is_group(std::string_view text) {
  return text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("_.-:/").find(c) != std::string_view::npos;
         });
}

/// Whether heal.enable asks for healing; a word that is neither yes nor no is not guessed at.
Result<bool> is_enabled(const TargetId& id, const Labels& labels) {
  const auto enable = label_value(labels, kEnable);
  if (enable == "true") return true;
  if (enable.empty() || enable == "false") return false;
  return wrong_label(id, kEnable, enable, "true or false");
}

/// What the labels alone say.
Result<InventoryTarget> from_labels(const TargetId& id, const Labels& labels) {
  InventoryTarget out;
  out.id = id;
  out.group = label_value(labels, kGroup);
  const auto simulate = label_value(labels, kSimulate);
  if (simulate == "allow") {
    out.simulate = Simulate::kAllow;
  } else if (!simulate.empty() && simulate != "refuse") {
    return wrong_label(id, kSimulate, simulate, "allow or refuse");
  }
  if (!is_group(out.group)) return wrong_label(id, kGroup, out.group, "at most 64 letters, digits and _ . - : /");
  const auto health = label_value(labels, kHealth);
  if (health.empty()) return out;
  const auto check = parse_health_check(health);
  if (!check) return wrong_label(id, kHealth, health, "an http URL or tcp://host:port");
  out.health = *check;
  return out;
}

/// Group and health check of a listed target, where heal.yml names none.
Status fill_in(InventoryTarget& target, const Labels& labels) {
  Labels missing;
  if (target.group.empty()) missing.emplace(kGroup, label_value(labels, kGroup));
  if (!target.health) missing.emplace(kHealth, label_value(labels, kHealth));
  HEAL_TRY(auto said, from_labels(target.id, missing));
  if (target.group.empty()) target.group = std::move(said.group);
  if (!target.health) target.health = std::move(said.health);
  return {};
}

InventoryTarget with_labels(InventoryTarget target, const Labels& container_labels) {
  for (const auto& [name, value] : container_labels)
    target.labels.emplace(name, value);
  if (!target.group.empty()) target.labels["group"] = target.group;
  return target;
}

}  // namespace

const InventoryTarget* find_target(const HealConfig& config, const TargetId& id) {
  const auto& targets = config.inventory.targets;
  const auto found =
      std::find_if(targets.begin(), targets.end(), [&](const InventoryTarget& target) { return target.id == id; });
  return found == targets.end() ? nullptr : &*found;
}

Result<InventoryTarget> inventory_of_container(const HealConfig& config, const TargetId& id,
                                               const Labels& container_labels) {
  if (config.engines.find(id.engine) == config.engines.end())
    return make_error(ErrorCode::kRefused, "{}: there is no engine \"{}\" in heal.yml", id.str(), id.engine);
  const bool labels_count = config.inventory.container_labels == ContainerLabels::kUse;
  if (const InventoryTarget* listed = find_target(config, id)) {
    InventoryTarget target = *listed;
    // heal.yml wins; what it does not say, the container may, unless what it says cannot be used.
    if (labels_count) HEAL_TRY_STATUS(fill_in(target, container_labels));
    return with_labels(std::move(target), container_labels);
  }
  if (is_exchange_name(id.name))
    return make_error(ErrorCode::kRefused, "{}: not in the inventory (left over from docker.recreate)", id.str());
  bool wants = false;
  if (labels_count) {
    HEAL_TRY(wants, is_enabled(id, container_labels));
  }
  if (!wants)
    return make_error(ErrorCode::kRefused, "{}: not in the inventory ({})", id.str(),
                      labels_count ? "no label heal.enable=true, and not under inventory.targets in heal.yml"
                                   : "not under inventory.targets in heal.yml");
  HEAL_TRY(auto target, from_labels(id, container_labels));
  return with_labels(std::move(target), container_labels);
}

Result<InventoryTarget> inventory_of(const HealConfig& config, const TargetId& id) {
  if (const InventoryTarget* listed = find_target(config, id)) return *listed;
  return make_error(ErrorCode::kRefused, "{}: not in the inventory (not under inventory.targets in heal.yml)",
                    id.str());
}

}  // namespace heal::playbook
