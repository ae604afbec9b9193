#include <algorithm>
#include <array>
#include <functional>
#include <map>

#include "common/model/labels.h"
#include "exporter/docker_watch.h"

namespace heal::exporter {
namespace {

constexpr std::array<std::string_view, 7> kContainerStates{"created",  "running", "paused", "restarting",
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
    if (!engine.view.state.up) continue;
    for (const std::string& name : engine.config.expect) {
      const bool is_watched = std::any_of(engine.view.containers.begin(), engine.view.containers.end(),
                                          [&](const SeenContainer& container) { return container.info.name == name; });
      if (is_watched) continue;
      const auto there = std::find_if(engine.view.unlabelled.begin(), engine.view.unlabelled.end(),
                                      [&](const ContainerInfo& info) { return info.name == name; });
      const ContainerInfo info = there == engine.view.unlabelled.end() ? ContainerInfo() : *there;
      out.sample(kName, info.running() ? 1 : 0,
                 {{"engine", engine.config.engine},
                  {"container", name},
                  {"image", info.image},
                  {"group", label_value(info.labels, "heal.group")}});
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
               "Exit code of the container's main process when it last ended, as the engine has it: 0 while it runs.",
               [](const SeenContainer& c) { return std::optional(static_cast<double>(c.info.exit_code)); });
  write_number(out, engines, "heal_container_oom_killed", MetricType::kGauge,
               "1 when the container's main process was last ended for lack of memory.",
               [](const SeenContainer& c) { return std::optional(c.info.oom_killed ? 1.0 : 0.0); });
  write_number(out, engines, "heal_container_started_at_timestamp_seconds", MetricType::kGauge,
               "When the container was last started.", [](const SeenContainer& c) {
                 return c.info.started_at ? std::optional(to_unix_seconds(*c.info.started_at)) : std::nullopt;
               });
}

/// CPUs that it may use at most; nullopt: no limit of its own.
std::optional<double> cpu_limit(const ContainerLimits& limits) {
  if (limits.nano_cpus.value_or(0) > 0) return static_cast<double>(*limits.nano_cpus) / 1e9;
  if (limits.cpu_quota_us.value_or(0) <= 0) return std::nullopt;
  constexpr std::int64_t kDefaultPeriod = 100'000;
  const std::int64_t period = limits.cpu_period_us.value_or(0);
  return static_cast<double>(*limits.cpu_quota_us) / static_cast<double>(period > 0 ? period : kDefaultPeriod);
}

void write_usage(ExpositionWriter& out, const std::vector<EngineView>& engines) {
  const auto of_stats = [](double (*value)(const ContainerStats&)) {
    return [value](const SeenContainer& c) { return c.stats ? std::optional(value(*c.stats)) : std::nullopt; };
  };
  write_number(out, engines, "heal_container_cpu_seconds_total", MetricType::kCounter,
               "CPU time that the container has used since it was started.",
               of_stats([](const ContainerStats& s) { return s.cpu_seconds_total; }));
  write_number(out, engines, "heal_container_cpu_limit_cores", MetricType::kGauge,
               "CPUs that the container may use at most; absent when it has no limit.",
               [](const SeenContainer& c) { return c.info.running() ? cpu_limit(c.info.limits) : std::nullopt; });
  write_number(out, engines, "heal_container_memory_bytes", MetricType::kGauge, "Working set of the container.",
               of_stats([](const ContainerStats& s) { return static_cast<double>(s.memory_bytes); }));
  write_number(out, engines, "heal_container_memory_limit_bytes", MetricType::kGauge,
               "Memory limit of the container; the host's memory when it has none.",
               of_stats([](const ContainerStats& s) { return static_cast<double>(s.memory_limit_bytes); }));
  write_number(out, engines, "heal_container_pids", MetricType::kGauge, "Processes and threads in the container.",
               of_stats([](const ContainerStats& s) { return static_cast<double>(s.pids); }));
}

/// Codes that every container shows from the start: a counter that begins at 1 has no increase.
constexpr std::array<std::string_view, 5> kUsualExitCodes{"0", "1", "137", "139", "143"};

/// A family of numbers of what was counted, for every container that something is counted of.
void write_counts(ExpositionWriter& out, const std::vector<EngineView>& engines, std::string_view name, MetricType type,
                  std::string_view help, const std::function<std::optional<double>(const ContainerCounts&)>& number) {
  out.family(name, type, help);
  for (const EngineView& engine : engines) {
    for (const auto& [container, counts] : engine.view.counts) {
      const std::optional<double> value = number(counts);
      if (value) out.sample(name, *value, {{"engine", engine.config.engine}, {"container", container}});
    }
  }
}

void write_deaths(ExpositionWriter& out, const std::vector<EngineView>& engines) {
  constexpr std::string_view kName = "heal_container_deaths_total";
  out.family(kName, MetricType::kCounter,
             "Ends of the container's main process, wanted or not, by exit code, since heal-exporter watches it.");
  for (const EngineView& engine : engines) {
    for (const auto& [container, counts] : engine.view.counts) {
      std::map<std::string, std::uint64_t> deaths = counts.deaths;
      for (const std::string_view code : kUsualExitCodes)
        deaths.try_emplace(std::string(code), 0);
      for (const auto& [code, count] : deaths) {
        out.sample(kName, static_cast<double>(count),
                   {{"engine", engine.config.engine}, {"container", container}, {"exit_code", code}});
      }
    }
  }
  write_counts(out, engines, "heal_container_last_death_timestamp_seconds", MetricType::kGauge,
               "When the container's main process last ended, since heal-exporter watches it.",
               [](const ContainerCounts& c) {
                 return c.last_death ? std::optional(to_unix_seconds(*c.last_death)) : std::nullopt;
               });
}

void write_events(ExpositionWriter& out, const std::vector<EngineView>& engines) {
  write_deaths(out, engines);
  write_counts(out, engines, "heal_container_oom_kills_total", MetricType::kCounter,
               "Times that the kernel ended processes of the container for lack of memory.",
               [](const ContainerCounts& c) { return std::optional(static_cast<double>(c.oom_kills)); });
  constexpr std::string_view kHealth = "heal_container_health_changes_total";
  out.family(kHealth, MetricType::kCounter, "Changes of the container's own health check, by what it became.");
  for (const EngineView& engine : engines) {
    for (const auto& [container, counts] : engine.view.counts) {
      const std::string& name = engine.config.engine;
      out.sample(kHealth, static_cast<double>(counts.became_healthy),
                 {{"engine", name}, {"container", container}, {"health", "healthy"}});
      out.sample(kHealth, static_cast<double>(counts.became_unhealthy),
                 {{"engine", name}, {"container", container}, {"health", "unhealthy"}});
    }
  }
}

/// The label by which a container says how long it may be without a log line.
constexpr std::string_view kSilenceLabel = "heal.log-silence";

void write_logs(ExpositionWriter& out, const std::vector<EngineView>& engines) {
  write_number(out, engines, "heal_container_last_log_timestamp_seconds", MetricType::kGauge,
               "When the container last wrote a log line.", [](const SeenContainer& c) {
                 return c.last_log ? std::optional(to_unix_seconds(*c.last_log)) : std::nullopt;
               });
  write_number(
      out, engines, "heal_container_log_silence_limit_seconds", MetricType::kGauge,
      "How long the container may write no log line, as its label heal.log-silence says.", [](const SeenContainer& c) {
        const Result<Duration> limit = parse_duration(label_value(c.info.labels, kSilenceLabel));
        return limit.has_value() && *limit > Duration::zero() ? std::optional(to_seconds(*limit)) : std::nullopt;
      });
}

}  // namespace

void write_containers(const std::vector<std::shared_ptr<DockerWatch>>& watches, ExpositionWriter& out) {
  if (watches.empty()) return;
  std::vector<EngineView> engines;
  engines.reserve(watches.size());
  for (const auto& watch : watches)
    engines.push_back({watch->config(), watch->view()});
  write_up(out, engines);
  write_one_hot(out, engines, "heal_container_state", "The container's state, one series per state.", "state",
                kContainerStates, &ContainerInfo::status);
  write_one_hot(out, engines, "heal_container_health", "The result of the container's own health check.", "health",
                kHealths, &ContainerInfo::health);
  write_life(out, engines);
  write_logs(out, engines);
  write_events(out, engines);
  write_usage(out, engines);
}

}  // namespace heal::exporter
