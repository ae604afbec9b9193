#include "exporter/probe_scheduler.h"

#include <map>

namespace heal::exporter {
namespace {

/// Targets of one probe evenly over its interval, so that no second sees all of them at once.
std::vector<Schedule::Timing> timings_of(const ExporterConfig& config) {
  std::vector<Schedule::Timing> timings;
  for (const ScheduledProbe& probe : config.probes) {
    const auto count = static_cast<double>(probe.targets.size());
    for (std::size_t i = 0; i < probe.targets.size(); ++i) {
      timings.push_back({probe.interval, probe.jitter, static_cast<double>(i) / count});
    }
  }
  return timings;
}

}  // namespace

SchedulerMetrics::SchedulerMetrics(Metrics& metrics)
    : lateness(metrics.histogram("heal_exporter_schedule_lateness_seconds",
                                 "How much later than planned scheduled probes begin.")) {
  const CounterFamily skipped =
      metrics.counters("heal_exporter_runs_skipped_total", "Scheduled probes that were not run, by reason.",
                       {{"reason", {"running", "limit", "late"}}});
  skipped_running = skipped.at({"running"});
  skipped_at_limit = skipped.at({"limit"});
  skipped_late = skipped.at({"late"});
}

ProbeScheduler::ProbeScheduler(Context context, const ExporterConfig& config, const ProbeScheduler* previous)
    : context_(context), schedule_(timings_of(config), context.clock.steady_now(), context.random) {
  std::map<std::string, std::shared_ptr<ProbeSeries>> known;
  if (previous != nullptr) {
    for (const auto& series : previous->series_)
      known[series->identity()] = series;
  }
  for (const ScheduledProbe& probe : config.probes) {
    for (const std::string& target : probe.targets) {
      auto series = std::make_shared<ProbeSeries>(probe, target);
      if (const auto old = known.find(series->identity()); old != known.end()) series = old->second;
      series_.push_back(series);
      jobs_.push_back({series, {probe.module, target, "", config.policy}, probe.timeout});
    }
  }
}

ProbeScheduler::~ProbeScheduler() {
  stop();
}

void ProbeScheduler::start() {
  if (jobs_.empty()) return;
  thread_ = std::jthread([this](const std::stop_token& stop) {
    while (context_.clock.sleep_until(*schedule_.next(), stop) == Clock::Wake::kReached)
      run_due();
  });
}

void ProbeScheduler::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void ProbeScheduler::run_due() {
  const SteadyTime now = context_.clock.steady_now();
  for (const Schedule::Due& due : schedule_.take_due(now)) {
    context_.metrics.lateness.observe(now - due.planned);
    if (due.missed > 0) context_.metrics.skipped_late.increment(static_cast<double>(due.missed));
    begin(jobs_[due.index]);
  }
}

void ProbeScheduler::begin(const Job& job) {
  if (context_.engine.in_flight() >= context_.max_in_flight) {
    context_.metrics.skipped_at_limit.increment();
    return;
  }
  if (!job.series->try_begin()) {
    context_.metrics.skipped_running.increment();
    return;
  }
  context_.engine.start(job.request, context_.engine.now() + job.timeout,
                        [series = job.series, &clock = context_.clock](const ProbeResult& result) {
                          // A run that was cut short by our own end says nothing about the target.
                          if (result.reason == to_string(ProbeReason::kCancelled)) return series->forget_run();
                          series->record(result, clock.now());
                        });
}

}  // namespace heal::exporter
