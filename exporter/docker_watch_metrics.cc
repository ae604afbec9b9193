#include <algorithm>
#include <array>
#include <functional>

#include "common/model/labels.h"
#include "exporter/docker_watch.h"

namespace heal::exporter {
namespace {

constexpr std::array<std::string_view, 7> kStates{"created",  "running", "paused", "restarting",
                                                  "removing", "exited",  "dead"};
constexpr std::array<std::string_view, 4> kHealths{"none", "starting", "healthy", "unhealthy"};

/// An engine with what was seen of it for this page.
struct EngineView {
  const DockerWatchConfig& config;
  WatchView view;
};

/// Calls `write` for every container of every engine.
void each(const std::vector<EngineView>& engines,
          const std::function<void(const std::string& engine, const SeenContainer&)>& write) {
  for (const EngineView& engine : engines) {
    for (const SeenContainer& container : engine.view.containers)
      write(engine.config.engine, container);
  }
}

/// A family of one optional number per container.
void write_number(ExpositionWriter& out, const std::vector<EngineView>& engines, std::string_view name, MetricType type,
                  std::string_view help, const std::function<std::optional<double>(const SeenContainer&)>& number) {
  out.family(name, type, help);
  each(engines, [&](const std::string& engine, const SeenContainer& container) {
    const std::optional<double> value = number(container);
    if (value) out.sample(name, *value, {{"engine", engine}, {"container", container.info.name}});
  });
}

void write_up(ExpositionWriter& out, const std::vector<EngineView>& engines) {
  constexpr std::string_view kName = "heal_container_up";
  out.family(kName, MetricType::kGauge, "1 when the container is running and not paused.");
  each(engines, [&](const std::string& engine, const SeenContainer& container) {
    out.sample(kName, container.info.running() ? 1 : 0,
               {{"engine", engine},
                {"container", container.info.name},
                {"image", container.info.image},
                {"group", label_value(container.info.labels, "heal.group")}});
  });
  for (const EngineView& engine : engines) {
    if (!engine.view.engine_up) continue;
    for (const std::string& name : engine.config.expect) {
      const bool seen = std::any_of(engine.view.containers.begin(), engine.view.containers.end(),
                                    [&](const SeenContainer& container) { return container.info.name == name; });
      if (seen) continue;
      out.sample(kName, 0, {{"engine", engine.config.engine}, {"container", name}, {"image", ""}, {"group", ""}});
    }
  }
}

/// One series per word, 1 for the one that holds.
template <std::size_t N>
void write_one_hot(ExpositionWriter& out, const std::vector<EngineView>& engines, std::string_view name,
                   std::string_view help, std::string_view label, const std::array<std::string_view, N>& words,
                   const std::string ContainerInfo::*field) {
  out.family(name, MetricType::kGauge, help);
  each(engines, [&](const std::string& engine, const SeenContainer& container) {
    for (const std::string_view word : words) {
      out.sample(name, container.info.*field == word ? 1 : 0,
                 {{"engine", engine}, {"container", container.info.name}, {label, word}});
    }
  });
}

void write_life(ExpositionWriter& out, const std::vector<EngineView>& engines) {
  write_number(out, engines, "heal_container_restarts_total", MetricType::kCounter,
               "Restarts of the container by the engine's restart policy.",
               [](const SeenContainer& c) { return std::optional(static_cast<double>(c.info.restart_count)); });
  write_number(out, engines, "heal_container_exit_code", MetricType::kGauge,
               "Exit code of the container's main process when it last ended; 0 while it has not.",
               [](const SeenContainer& c) { return std::optional(static_cast<double>(c.info.exit_code)); });
  write_number(out, engines, "heal_container_oom_killed", MetricType::kGauge,
               "1 when the container's main process was last ended for lack of memory.",
               [](const SeenContainer& c) { return std::optional(c.info.oom_killed ? 1.0 : 0.0); });
  write_number(out, engines, "heal_container_started_at_timestamp_seconds", MetricType::kGauge,
               "When the container was last started.", [](const SeenContainer& c) {
                 return c.info.started_at ? std::optional(to_unix_seconds(*c.info.started_at)) : std::nullopt;
               });
  write_number(out, engines, "heal_container_last_log_timestamp_seconds", MetricType::kGauge,
               "When the container last wrote a log line.", [](const SeenContainer& c) {
                 return c.last_log ? std::optional(to_unix_seconds(*c.last_log)) : std::nullopt;
               });
}

void write_usage(ExpositionWriter& out, const std::vector<EngineView>& engines) {
  const auto of_stats = [](double (*value)(const ContainerStats&)) {
    return [value](const SeenContainer& c) { return c.stats ? std::optional(value(*c.stats)) : std::nullopt; };
  };
  write_number(out, engines, "heal_container_cpu_seconds_total", MetricType::kCounter,
               "CPU time that the container has used since it was started.",
               of_stats([](const ContainerStats& s) { return s.cpu_seconds_total; }));
  write_number(out, engines, "heal_container_memory_bytes", MetricType::kGauge, "Working set of the container.",
               of_stats([](const ContainerStats& s) { return static_cast<double>(s.memory_bytes); }));
  write_number(out, engines, "heal_container_memory_limit_bytes", MetricType::kGauge,
               "Memory limit of the container; the host's memory when it has none.",
               of_stats([](const ContainerStats& s) { return static_cast<double>(s.memory_limit_bytes); }));
  write_number(out, engines, "heal_container_pids", MetricType::kGauge, "Processes and threads in the container.",
               of_stats([](const ContainerStats& s) { return static_cast<double>(s.pids); }));
}

void write_watch_state(ExpositionWriter& out, const std::vector<EngineView>& engines) {
  out.family("heal_watch_up", MetricType::kGauge, "1 when the last look at the engine succeeded.");
  for (const auto& [config, view] : engines) {
    out.sample("heal_watch_up", view.engine_up ? 1 : 0, {{"engine", config.engine}});
  }
  out.family("heal_watch_last_success_timestamp_seconds", MetricType::kGauge,
             "When a look at the engine last succeeded.");
  for (const auto& [config, view] : engines) {
    if (!view.last_success) continue;
    out.sample("heal_watch_last_success_timestamp_seconds", to_unix_seconds(*view.last_success),
               {{"engine", config.engine}});
  }
  out.family("heal_watch_duration_seconds", MetricType::kGauge, "How long the last look at the engine took.");
  for (const auto& [config, view] : engines) {
    out.sample("heal_watch_duration_seconds", to_seconds(view.took), {{"engine", config.engine}});
  }
  out.family("heal_watch_failures_total", MetricType::kCounter, "Looks at the engine that failed.");
  for (const auto& [config, view] : engines) {
    out.sample("heal_watch_failures_total", static_cast<double>(view.failures), {{"engine", config.engine}});
  }
}

}  // namespace

void write_watches(const std::vector<std::shared_ptr<DockerWatch>>& watches, ExpositionWriter& out) {
  if (watches.empty()) return;
  std::vector<EngineView> engines;
  engines.reserve(watches.size());
  for (const auto& watch : watches)
    engines.push_back({watch->config(), watch->view()});
  write_up(out, engines);
  write_one_hot(out, engines, "heal_container_state", "The container's state, one series per state.", "state", kStates,
                &ContainerInfo::status);
  write_one_hot(out, engines, "heal_container_health", "The result of the container's own health check.", "health",
                kHealths, &ContainerInfo::health);
  write_life(out, engines);
  write_usage(out, engines);
  write_watch_state(out, engines);
}

}  // namespace heal::exporter
