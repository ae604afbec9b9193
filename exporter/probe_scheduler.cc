#include "exporter/probe_scheduler.h"

#include <array>
#include <utility>

namespace heal::exporter {
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

ProbeScheduler::ProbeScheduler(Context context, const ExporterConfig& config, const ProbeScheduler* previous,
                               const FoundTargets& found)
    : context_(std::make_shared<const Context>(std::move(context))), schedule_({}, {}, context_->random) {
  Known known;
  for (std::size_t i = 0; previous != nullptr && i < previous->jobs_.size(); ++i) {
    const Job* job = previous->jobs_[i].get();
    known.emplace(job->series->identity(), std::pair(job, previous->schedule_.grid(i)));
  }
  std::vector<Schedule::Timing> timings;
  for (const ScheduledProbe& probe : config.probes) {
    std::vector<FoundTarget> targets;
    targets.reserve(probe.targets.size());
    for (const std::string& target : probe.targets)
      targets.push_back({target, {}});
    if (const auto more = found.find(probe.name); more != found.end())
      targets.insert(targets.end(), more->second.begin(), more->second.end());
    add_probe(probe, targets, config, known, timings);
  }
  identities_.clear();
  schedule_ = Schedule(std::move(timings), context_->clock.steady_now(), context_->random);
}

void ProbeScheduler::add_probe(const ScheduledProbe& probe, const std::vector<FoundTarget>& targets,
                               const ExporterConfig& config, const Known& known,
                               std::vector<Schedule::Timing>& timings) {
  std::vector<std::size_t> fresh;
  for (const FoundTarget& target : targets) {
    auto series = std::make_shared<ProbeSeries>(probe, target.address, target.labels);
    if (!identities_.insert(series->identity()).second) continue;  // in two files, or in one twice
    if (series_.size() >= kMostSeries) {
      dropped_ += 1;
      continue;
    }
    Schedule::Timing timing{probe.interval, probe.jitter, 0, std::nullopt};
    const auto old = known.find(series->identity());
    if (old != known.end()) series = old->second.first->series;
    if (!probe.details) series->forget_details();
    if (old != known.end() && old->second.first->interval == probe.interval) {
      // Its own time: new targets beside it, however often they come, neither delay nor repeat a run.
      timing.grid = old->second.second;
    } else {
      fresh.push_back(timings.size());
    }
    timings.push_back(timing);
    series_.push_back(series);
    jobs_.push_back(std::make_shared<const Job>(Job{series,
                                                    {probe.module, target.address, "", config.policy},
                                                    probe.timeout,
                                                    {probe.down_after, probe.up_after},
                                                    probe.interval,
                                                    probe.details,
                                                    probe.confirm_time()}));
  }
  // Targets of one probe evenly over its interval, so that no second sees all of them at once.
  for (std::size_t i = 0; i < fresh.size(); ++i)
    timings[fresh[i]].offset = static_cast<double>(i) / static_cast<double>(fresh.size());
}

ProbeScheduler::~ProbeScheduler() {
  stop();
}

Result<std::shared_ptr<ProbeScheduler>> ProbeScheduler::create(Context context, const ExporterConfig& config,
                                                               ProbeScheduler* previous, const FoundTargets& found) {
  std::optional<HeldThread> thread;
  if (!config.probes.empty()) {
    HEAL_TRY(HeldThread made, HeldThread::make("the schedule of probes", context.make_thread));
    thread.emplace(std::move(made));
  }
  if (previous != nullptr) previous->stop();
  auto scheduler = std::make_shared<ProbeScheduler>(std::move(context), config, previous, found);
  if (thread) scheduler->thread_.emplace(*std::move(thread));
  return scheduler;
}

void ProbeScheduler::start() {
  if (jobs_.empty() || !thread_) return;
  thread_->release([this](const std::stop_token& stop) {
    while (context_->clock.sleep_until(*schedule_.next(), stop) == Clock::Wake::kReached)
      run_due();
  });
}

void ProbeScheduler::stop() {
  confirm_stop_.request_stop();
  if (!thread_) return;
  thread_->request_stop();
  thread_->join();
}

void ProbeScheduler::run_due() {
  const SteadyTime now = context_->clock.steady_now();
  for (const Schedule::Due& due : schedule_.take_due(now)) {
    context_->metrics.lateness.observe(now - due.planned);
    if (due.missed > 0) context_->metrics.skipped_late.increment(static_cast<double>(due.missed));
    begin(jobs_[due.index]);
  }
}

void ProbeScheduler::begin(const std::shared_ptr<const Job>& job) {
  if (context_->engine.in_flight() >= context_->max_in_flight) {
    context_->metrics.skipped_at_limit.increment();
    return;
  }
  if (!job->series->try_begin()) {
    context_->metrics.skipped_running.increment();
    return;
  }
  probe::ProbeRequest request = job->request;
  const SteadyTime now = context_->engine.now();
  if (request.module->confirm) {
    request.confirm_until = now + job->confirm_time;
    request.confirm_stop = confirm_stop_.get_token();
  }
  // A run may end when its scheduler is gone.
  context_->engine.start(std::move(request), now + job->timeout,
                         [job, context = context_](ProbeResult result) { ended(*job, *context, std::move(result)); });
}

void ProbeScheduler::ended(const Job& job, const Context& context, ProbeResult result) {
  // A run that was cut short by our own end says nothing about the target.
  if (result.reason == to_string(ProbeReason::kCancelled)) return job.series->forget_run();
  const ProbeSeries::News news =
      job.series->record(result, context.clock.now(), job.hysteresis, job.details ? Details::kKept : Details::kNot);
  if (news.is_transition) {
    // That a target is up at the start is no news, and there are thousands of them.
    const ProbeState state = job.series->standing().state;
    const bool is_first = state == ProbeState::kUp && job.series->numbers().went_up == 0;
    const std::array<LogField, 4> fields{{{"labels", format_labels(job.series->labels())},
                                          {"state", to_string(state)},
                                          {"phase", result.phase},
                                          {"reason", result.reason}}};
    context.logger.log(is_first ? LogLevel::kDebug : LogLevel::kInfo, "target changed its state", fields);
  }
  if (news.is_new_failure && context.failures != nullptr) {
    const std::string target = probe::shown_target(job.request.target);
    job.series->set_failure_log(context.failures->add(job.request.module, target, std::move(result)));
  }
  if (news.is_transition && context.on_transition) context.on_transition();
}

}  // namespace heal::exporter
