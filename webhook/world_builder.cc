#include "webhook/world_builder.h"

#include <utility>

#include "common/config/file.h"

namespace heal::webhook {

Result<std::shared_ptr<const remedy::World>> build_world(const std::string& config_file, const Ports& ports,
                                                         std::string* report) {
  playbook::LoadResult loaded = playbook::load(config_file);
  if (report != nullptr) *report = loaded.diagnostics.render();
  if (!loaded.bundle) return loaded.diagnostics.to_error();
  auto world = std::make_shared<remedy::World>();
  world->loaded_at = ports.clock->now();
  world->bundle = std::move(*loaded.bundle);
  const auto& config = world->bundle.config;
  const std::string folder = config::folder_of(config_file);
  for (const auto& [name, engine] : config.engines) {
    HEAL_TRY(auto made, ports.make_engine(engine, folder).with_context("engine {}", name));
    world->engines.emplace(name, std::move(made));
  }
  if (config.prometheus) {
    HEAL_TRY(world->prometheus, ports.make_prometheus(*config.prometheus, folder).with_context("prometheus"));
  }
  for (const auto& endpoint : config.alertmanagers) {
    HEAL_TRY(auto made, ports.make_alertmanager(endpoint, folder).with_context("alertmanager {}", endpoint.url));
    world->alertmanagers.push_back(std::move(made));
  }
  return std::shared_ptr<const remedy::World>(std::move(world));
}

}  // namespace heal::webhook
