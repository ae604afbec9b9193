#include "common/probe/confirm_run.h"

#include <algorithm>
#include <utility>

namespace heal::probe {
namespace {

Deadline confirm_until(const ProbeRequest& request, Deadline deadline) {
  return request.confirm_until.value_or(deadline);
}

class ConfirmingRun : public ProbeRun {
 public:
  ConfirmingRun(const ProbeRequest& request, ProbeIo& io, RunLog& log, RunMaker make_run, Deadline deadline,
                Duration timeout)
      : request_(request),
        settings_(*request.module->confirm),
        io_(io),
        log_(log),
        make_run_(make_run),
        deadline_(deadline),
        timeout_(timeout),
        until_(confirm_until(request, deadline)) {}

  void start(Done done) override;
  void abort(ProbeReason reason) override;

 private:
  void first_ended(RunOutcome outcome);
  void wait();
  void ask_again();
  void asked_again(const RunOutcome& outcome);
  void watch_stop();
  void retire_run();
  void finish();
  std::vector<SampleFamily> families() const;

  const ProbeRequest& request_;
  const ConfirmSettings& settings_;
  ProbeIo& io_;
  RunLog& log_;
  const RunMaker make_run_;
  const Deadline deadline_;  // of the first attempt
  const Duration timeout_;   // of each further one
  const Deadline until_;     // of asking again
  Done done_;
  std::unique_ptr<ProbeRun> run_;
  std::unique_ptr<PendingIo> timer_;  // of the attempt's end, or of the wait for the next
  RunOutcome first_;
  Confirmation confirmation_;
  bool is_short_ = false;    // the attempt has less time than a probe has
  bool is_cut_off_ = false;  // the attempt was ended before it could tell
  bool is_over_ = false;     // no further attempt
  bool is_finished_ = false;
  /// Tells what was posted whether this object is still there.
  std::shared_ptr<const int> alive_ = std::make_shared<const int>(0);
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};

void ConfirmingRun::start(Done done) {
  done_ = std::move(done);
  run_ = make_run_(request_, io_, log_);
  if (until_ > deadline_) timer_ = io_.call_at(deadline_, [this] { run_->abort(ProbeReason::kTimeout); });
  run_->start([this](RunOutcome outcome) { first_ended(std::move(outcome)); });
}

void ConfirmingRun::first_ended(RunOutcome outcome) {
  timer_.reset();
  first_ = std::move(outcome);
  first_.ended_at = io_.now();
  if (!first_.failure) confirmation_.confirmed = false;
  if (!first_.failure || is_over_) return finish();
  watch_stop();
  wait();
}

void ConfirmingRun::wait() {
  const SteadyTime due = io_.now() + settings_.interval;
  if (confirmation_.attempts == settings_.attempts || due >= until_) return finish();
  retire_run();
  timer_ = io_.call_at(due, [this] { ask_again(); });
}

void ConfirmingRun::ask_again() {
  confirmation_.attempts += 1;
  log_.info("Asking again whether the probe fails", {{"attempt", fmt::format("{}", confirmation_.attempts)}});
  const SteadyTime end = io_.now() + timeout_;
  is_short_ = end > until_;
  is_cut_off_ = false;
  run_ = make_run_(request_, io_, log_);
  timer_ = io_.call_at(std::min(end, until_), [this] {
    is_cut_off_ = is_short_;
    run_->abort(ProbeReason::kTimeout);
  });
  run_->start([this](const RunOutcome& outcome) { asked_again(outcome); });
}

void ConfirmingRun::asked_again(const RunOutcome& outcome) {
  timer_.reset();
  if (!outcome.failure) {
    confirmation_.confirmed = false;
    return finish();
  }
  // A target that had less time to answer than the first attempt gave it, or that was not asked for want of a turn, is
  // not shown to have failed.
  if (!is_cut_off_ && outcome.failure->reason != ProbeReason::kBusy) confirmation_.confirmed = true;
  if (is_over_) return finish();
  wait();
}

void ConfirmingRun::abort(ProbeReason reason) {
  if (is_finished_) return;
  is_over_ = true;
  is_cut_off_ = is_short_ || reason != ProbeReason::kTimeout;
  if (!run_) return finish();
  run_->abort(reason);
}

void ConfirmingRun::watch_stop() {
  on_stop_.emplace(request_.confirm_stop, [this, alive = std::weak_ptr<const int>(alive_), &io = io_] {
    // Whoever requests the stop is on another thread.
    io.post([this, alive] {
      if (!alive.expired()) abort(ProbeReason::kCancelled);
    });
  });
}

void ConfirmingRun::retire_run() {
  // It stands below this call on the stack.
  io_.post([run = std::shared_ptr<ProbeRun>(std::move(run_))] {});
}

std::vector<SampleFamily> ConfirmingRun::families() const {
  std::vector<SampleFamily> out{gauge_family("heal_probe_confirm_attempts",
                                             "Re-probes that were begun to confirm a failure of the probe.",
                                             confirmation_.attempts)};
  if (confirmation_.confirmed) {
    out.push_back(
        gauge_family("heal_probe_confirmed",
                     "1 when the probe and its re-probes failed, 0 when one of them succeeded; absent when it "
                     "failed and no re-probe could tell.",
                     *confirmation_.confirmed ? 1 : 0));
  }
  return out;
}

void ConfirmingRun::finish() {
  is_finished_ = true;
  timer_.reset();
  on_stop_.reset();
  for (SampleFamily& family : families())
    first_.families.push_back(std::move(family));
  first_.confirmation = confirmation_;
  done_(std::move(first_));
}

}  // namespace

std::unique_ptr<ProbeRun> make_confirming_run(const ProbeRequest& request, ProbeIo& io, RunLog& log, RunMaker make_run,
                                              Deadline deadline, Duration timeout) {
  return std::make_unique<ConfirmingRun>(request, io, log, make_run, deadline, timeout);
}

Deadline end_of_confirming(const ProbeRequest& request, Deadline deadline) {
  return std::max(deadline, confirm_until(request, deadline));
}

}  // namespace heal::probe
