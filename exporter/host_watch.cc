#include "exporter/host_watch.h"

#include <system_error>
#include <thread>
#include <utility>

namespace heal::exporter {
namespace {

void write_optional(ExpositionWriter& out, std::string_view name, std::string_view help,
                    const std::optional<std::uint64_t>& value) {
  if (value) out.gauge(name, help, static_cast<double>(*value));
}

void write_cpu(ExpositionWriter& out, const HostUsage& usage) {
  constexpr std::string_view kName = "heal_host_cpu_seconds_total";
  out.family(kName, MetricType::kCounter, "Time that the CPUs have spent, by what on, all together.");
  for (const auto& [mode, seconds] : usage.cpu_seconds)
    out.sample(kName, seconds, {{"mode", mode}});
  out.gauge("heal_host_cpus", "CPUs of the host.", static_cast<double>(usage.cpus));
  if (!usage.load) return;
  out.gauge("heal_host_load1", "Load average over one minute.", (*usage.load)[0]);
  out.gauge("heal_host_load5", "Load average over five minutes.", (*usage.load)[1]);
  out.gauge("heal_host_load15", "Load average over a quarter of an hour.", (*usage.load)[2]);
}

void write_memory(ExpositionWriter& out, const HostUsage& usage) {
  write_optional(out, "heal_host_memory_size_bytes", "Memory of the host.", usage.memory_bytes);
  write_optional(out, "heal_host_memory_available_bytes", "Memory that programs can have without swapping.",
                 usage.memory_available_bytes);
  write_optional(out, "heal_host_swap_size_bytes", "Swap of the host.", usage.swap_bytes);
  write_optional(out, "heal_host_swap_free_bytes", "Swap that nobody uses.", usage.swap_free_bytes);
}

void write_kernel(ExpositionWriter& out, const HostUsage& usage) {
  if (usage.booted_at)
    out.gauge("heal_host_boot_time_seconds", "When the host was booted.", to_unix_seconds(*usage.booted_at));
  if (usage.forks)
    out.counter("heal_host_forks_total", "Processes and threads made since boot, however short they lived.",
                static_cast<double>(*usage.forks));
  if (usage.oom_kills)
    out.counter("heal_host_oom_kills_total", "Processes that the kernel ended for lack of memory since boot.",
                static_cast<double>(*usage.oom_kills));
}

void write_pressure(ExpositionWriter& out, const HostUsage& usage) {
  const auto family = [&](std::string_view name, std::string_view help, std::optional<double> Pressure::*number) {
    out.family(name, MetricType::kCounter, help);
    for (const auto& [resource, pressure] : usage.pressure) {
      if (pressure.*number) out.sample(name, *(pressure.*number), {{"resource", resource}});
    }
  };
  if (usage.pressure.empty()) return;
  family("heal_host_pressure_waiting_seconds_total", "Time in which some work waited for the resource.",
         &Pressure::waiting_seconds);
  family("heal_host_pressure_stalled_seconds_total", "Time in which all work waited for the resource.",
         &Pressure::stalled_seconds);
}

}  // namespace

void MountLook::ask(SteadyTime now) {
  {
    MutexLock lock(state_->mutex);
    if (state_->answer.asking_since) return;
    state_->answer.asking_since = now;
  }
  const auto answered = [](State& state, Result<FilesystemUsage> usage) {
    MutexLock lock(state.mutex);
    state.answer.usage = std::move(usage);
    state.answer.asking_since.reset();
  };
  try {
    std::thread([state = state_, answered] {
      answered(*state, state->reader->filesystem(state->mount_point));
    }).detach();
  } catch (const std::system_error& e) {
    // There are as many threads as there may be.
    answered(*state_, make_error(ErrorCode::kUnavailable, "no thread can be made: {}", e.what()));
  }
}

MountLook::Answer MountLook::answer() const {
  MutexLock lock(state_->mutex);
  return state_->answer;
}

HostWatch::HostWatch(Config config, std::shared_ptr<HostReader> reader, Clock& clock, const Logger& logger)
    : config_(std::move(config)), reader_(std::move(reader)), clock_(clock), logger_(logger.component("watch")) {
  state_.watch = "host";
  for (const std::string& path : config_.host.filesystems)
    mounts_.emplace(path, MountLook(reader_, path));
}

void HostWatch::start() {
  loop_.emplace(clock_, config_.interval, [this](const std::stop_token&) { look(); });
}

void HostWatch::look() {
  const SteadyTime begun = clock_.steady_now();
  for (auto& [path, mount] : mounts_)
    mount.ask(begun);
  Result<HostUsage> usage = reader_->usage();
  const Duration took = clock_.steady_now() - begun;
  std::optional<Error> news;
  {
    MutexLock lock(mutex_);
    if (usage.has_value()) {
      state_.succeeded(clock_.now(), took);
      last_success_ = clock_.steady_now();
      usage_ = *std::move(usage);
    } else {
      if (state_.failed(usage.error(), took)) news = usage.error();
      usage_.reset();
    }
  }
  if (news) logger_.warn("the host cannot be read", {{"err", *news}});
}

void HostWatch::write_filesystems(ExpositionWriter& out) const {
  std::map<std::string, std::optional<FilesystemUsage>> answers;
  const SteadyTime now = clock_.steady_now();
  for (const auto& [path, mount] : mounts_) {
    const MountLook::Answer answer = mount.answer();
    const bool hangs = answer.asking_since && now - *answer.asking_since > config_.interval;
    if (!answer.usage && !hangs) continue;
    std::optional<FilesystemUsage>& usage = answers[path];
    if (!hangs && answer.usage->has_value()) usage = **answer.usage;
  }
  constexpr std::string_view kUp = "heal_host_filesystem_up";
  out.family(kUp, MetricType::kGauge, "1 when something is mounted there and answers.");
  for (const auto& [path, usage] : answers)
    out.sample(kUp, usage ? 1 : 0, {{"mountpoint", path}});
  const auto family = [&](std::string_view name, std::string_view help, auto number) {
    out.family(name, MetricType::kGauge, help);
    for (const auto& [path, usage] : answers) {
      if (usage) out.sample(name, static_cast<double>(number(*usage)), {{"mountpoint", path}});
    }
  };
  family("heal_host_filesystem_size_bytes", "Size of the file system.", [](const auto& u) { return u.size_bytes; });
  family("heal_host_filesystem_available_bytes", "Space that users who are not root can have.",
         [](const auto& u) { return u.available_bytes; });
  family("heal_host_filesystem_files", "Inodes of the file system; 0 where it has no fixed number.",
         [](const auto& u) { return u.files; });
  family("heal_host_filesystem_files_free", "Inodes that nobody uses.", [](const auto& u) { return u.files_free; });
  family("heal_host_filesystem_readonly", "1 when nothing can be written there.",
         [](const auto& u) { return u.is_read_only ? 1 : 0; });
}

WatchState HostWatch::write(ExpositionWriter& out) const {
  WatchState state;
  std::optional<HostUsage> usage;
  {
    MutexLock lock(mutex_);
    if (clock_.steady_now() - last_success_ <= kept_for(config_.interval)) usage = usage_;
    state = state_;
  }
  if (usage) {
    write_cpu(out, *usage);
    write_memory(out, *usage);
    write_kernel(out, *usage);
    write_pressure(out, *usage);
  }
  if (!mounts_.empty()) write_filesystems(out);
  return state;
}

}  // namespace heal::exporter
