#include "exporter/process_watch.h"

#include <functional>
#include <system_error>
#include <thread>
#include <utility>

namespace heal::exporter {

ProcessWatch::ProcessWatch(ProcessWatchConfig config, std::shared_ptr<HostReader> reader, Clock& clock,
                           const Logger& logger)
    : config_(std::move(config)),
      clock_(clock),
      logger_(logger.component("watch")),
      question_(std::make_shared<Question>(config_.matchers, std::move(reader))) {
  state_.watch = "processes";
}

void ProcessWatch::start() {
  loop_.emplace(clock_, config_.interval, [this](const std::stop_token& stop) { look(stop); });
}

std::optional<ProcessWatch::Seen> ProcessWatch::ask(const std::stop_token& stop) {
  {
    MutexLock lock(question_->mutex);
    // One that was left alone has the search still.
    if (std::exchange(question_->is_asked, true)) return std::nullopt;
    question_->answer.reset();
  }
  const auto answered = [](Question& question, Seen seen) {
    MutexLock lock(question.mutex);
    question.answer = std::move(seen);
    question.is_asked = false;
    question.changed.notify_all();
  };
  try {
    std::thread([question = question_, answered, stop] { answered(*question, question->search.look(stop)); }).detach();
  } catch (const std::system_error& e) {
    // There are as many threads as there may be.
    answered(*question_, make_error(ErrorCode::kUnavailable, "no thread can be made: {}", e.what()));
  }
  const std::stop_callback wake(stop, [question = question_] {
    MutexLock lock(question->mutex);
    question->changed.notify_all();
  });
  MutexLock lock(question_->mutex);
  while (!question_->answer && !stop.stop_requested())
    question_->changed.wait(question_->mutex);
  return std::exchange(question_->answer, std::nullopt);
}

void ProcessWatch::look(const std::stop_token& stop) {
  const SteadyTime begun = clock_.steady_now();
  std::optional<Seen> seen = ask(stop);
  if (stop.stop_requested() || !seen) return;
  const Duration took = clock_.steady_now() - begun;
  std::optional<Error> news;
  {
    MutexLock lock(mutex_);
    if (seen->has_value()) {
      state_.succeeded(clock_.now(), took);
      last_success_ = clock_.steady_now();
      shown_ = **std::move(seen);
    } else {
      if (state_.failed(seen->error(), took)) news = seen->error();
      shown_.clear();
    }
  }
  if (news) logger_.warn("the processes cannot be read", {{"err", *news}});
}

void ProcessWatch::write_families(const std::vector<FoundProcesses>& shown, ExpositionWriter& out) const {
  const auto family = [&](std::string_view name, MetricType type, std::string_view help,
                          const std::function<std::optional<double>(const FoundProcesses&)>& number) {
    out.family(name, type, help);
    for (std::size_t i = 0; i < shown.size(); ++i) {
      const std::optional<double> value = shown[i].is_known ? number(shown[i]) : std::nullopt;
      if (value) out.sample(name, *value, {{"process", config_.matchers[i].process}});
    }
  };
  const auto some = [](auto value) { return std::optional(static_cast<double>(value)); };
  family("heal_process_up", MetricType::kGauge, "1 when at least one such process runs.",
         [&](const FoundProcesses& s) { return some(s.counts.count > 0 ? 1 : 0); });
  family("heal_process_instances", MetricType::kGauge, "Processes that match.",
         [&](const FoundProcesses& s) { return some(s.counts.count); });
  family("heal_process_cpu_seconds_total", MetricType::kCounter,
         "CPU time that they have used, those included that have ended since heal-exporter saw them.",
         [&](const FoundProcesses& s) { return some(s.counts.cpu_seconds); });
  family("heal_process_resident_memory_bytes", MetricType::kGauge, "Resident memory of all of them.",
         [&](const FoundProcesses& s) { return some(s.counts.memory_bytes); });
  family("heal_process_threads", MetricType::kGauge, "Threads of all of them.",
         [&](const FoundProcesses& s) { return some(s.counts.threads); });
  family("heal_process_open_fds", MetricType::kGauge,
         "Open file descriptors of all of them; absent when heal-exporter may not see those of each.",
         [&](const FoundProcesses& s) { return s.open_fds ? some(*s.open_fds) : std::nullopt; });
  family("heal_process_start_time_seconds", MetricType::kGauge, "When the oldest of them was started.",
         [&](const FoundProcesses& s) {
           return s.counts.started_at ? std::optional(to_unix_seconds(*s.counts.started_at)) : std::nullopt;
         });
  family("heal_process_starts_total", MetricType::kCounter,
         "Processes that match and were not there at the look before.",
         [&](const FoundProcesses& s) { return some(s.counts.starts); });
  family("heal_process_restarts_total", MetricType::kCounter,
         "Looks that found a new process where the oldest one, or all, had gone.",
         [&](const FoundProcesses& s) { return some(s.counts.restarts); });
}

WatchState ProcessWatch::write(ExpositionWriter& out) const {
  WatchState state;
  std::vector<FoundProcesses> shown;
  {
    MutexLock lock(mutex_);
    if (clock_.steady_now() - last_success_ <= kept_for(config_.interval)) shown = shown_;
    state = state_;
  }
  if (shown.empty() && state.up) {
    // The thread hangs in a file of a process that the kernel does not let go of.
    state.up = false;
    state.reason = to_string(ErrorCode::kTimeout);
  }
  write_families(shown, out);
  return state;
}

}  // namespace heal::exporter
