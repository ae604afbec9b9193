#include "webhook/reachability.h"

#include <utility>

#include "common/playbook/heal_config.h"

namespace heal::webhook {
namespace {

constexpr Duration kPatience = 2s;

std::string engine_key(const std::string& name) {
  return "engine " + name;
}
std::string prometheus_key(const playbook::HealConfig& config) {
  return "prometheus " + config.prometheus->url;
}
std::string alertmanager_key(const playbook::HealConfig& config, std::size_t index) {
  return "alertmanager " + config.alertmanagers[index].url;
}

Json engine_json(const Result<ContainerEngine::Version>& version) {
  Json out = reachable_json(version.has_value() ? Status() : Status(version.error()));
  if (!version.has_value()) return out;
  out["version"] = version->engine;
  out["api"] = version->api;
  return out;
}

}  // namespace

Json reachable_json(const Status& status) {
  return {{"reachable", status.has_value()}, {"error", status.has_value() ? Json() : Json(status.error().str())}};
}

Reachability::Reachability(Snapshot<remedy::World>& world, Clock& clock) : world_(world), clock_(clock) {
  thread_ = std::jthread([this](std::stop_token stop) { run(std::move(stop)); });
}

void Reachability::run(std::stop_token stop) {
  do {
    ask_all(stop);
  } while (clock_.sleep_for(kEvery, stop) == Clock::Wake::kReached);
}

void Reachability::ask_all(std::stop_token stop) {
  const auto world = world_.get();
  const auto& config = world->bundle.config;
  for (const auto& [name, engine] : world->engines)
    keep(engine_key(name), engine_json(engine->version(clock_.deadline_in(kPatience), stop)));
  if (world->prometheus)
    keep(prometheus_key(config), reachable_json(world->prometheus->ready(clock_.deadline_in(kPatience), stop)));
  for (std::size_t i = 0; i < world->alertmanagers.size(); ++i) {
    keep(alertmanager_key(config, i),
         reachable_json(world->alertmanagers[i]->ready(clock_.deadline_in(kPatience), stop)));
  }
}

void Reachability::keep(const std::string& key, Json answer) {
  MutexLock lock(mutex_);
  answers_[key] = std::move(answer);
}

Json Reachability::known(const std::string& key) {
  const auto it = answers_.find(key);
  if (it != answers_.end()) return it->second;
  return {{"reachable", nullptr}, {"error", nullptr}};
}

Json Reachability::json() {
  const auto world = world_.get();
  const auto& config = world->bundle.config;
  Json out{{"engines", Json::array()}, {"prometheus", Json()}, {"alertmanagers", Json::array()}};
  MutexLock lock(mutex_);
  for (const auto& [name, engine] : world->engines) {
    Json item = known(engine_key(name));
    item["name"] = name;
    out["engines"].push_back(std::move(item));
  }
  if (world->prometheus) {
    out["prometheus"] = known(prometheus_key(config));
    out["prometheus"]["url"] = config.prometheus->url;
  }
  for (std::size_t i = 0; i < world->alertmanagers.size(); ++i) {
    Json item = known(alertmanager_key(config, i));
    item["url"] = config.alertmanagers[i].url;
    out["alertmanagers"].push_back(std::move(item));
  }
  return out;
}

}  // namespace heal::webhook
