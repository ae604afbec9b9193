#include "webhook/world_builder.h"

#include <utility>

#include "common/config/file.h"
#include "common/wire/json.h"

namespace heal::webhook {
namespace {

const std::string kFilesKey = "control/files";

struct Files {
  std::string digest;
  WallTime since{};
};

Result<Files> parse_files(const std::string& text) {
  Files files;
  HEAL_TRY(const Json json, parse_json(text));
  HEAL_TRY(files.digest, get_string(json, "digest"));
  HEAL_TRY(files.since, get_time(json, "since"));
  return files;
}

}  // namespace

Result<std::shared_ptr<remedy::World>> build_world(const std::string& config_file, const Ports& ports) {
  playbook::LoadResult loaded = playbook::load(config_file);
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
  return world;
}

WallTime in_force_since(Store& store, const std::string& digest, WallTime now) {
  if (const auto kept = store.value(kFilesKey); kept.has_value() && *kept) {
    const auto files = parse_files(**kept);
    if (files.has_value() && files->digest == digest && files->since <= now) return files->since;
  }
  const Json files{{"digest", digest}, {"since", to_json_value(now)}};
  // A store that refuses has the repeats of an alert answered anew after the next start, too.
  (void)store.commit({PutValue{kFilesKey, dump(files)}});
  return now;
}

}  // namespace heal::webhook
