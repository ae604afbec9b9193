#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/probe_result.h"
#include "common/port/clock.h"
#include "common/port/probe_io.h"
#include "common/probe/run.h"

namespace heal::probe {

/// Runs probes: one path for /probe, scheduled probes and healctl. It owns the deadline; probers own the talking.
/// Thousands may be in flight; each belongs to one loop. Thread-safe.
class Engine {
 public:
  /// Runs once, on a loop thread: be short, do not block, do not stop() the engine.
  using Callback = std::function<void(ProbeResult)>;

  /// Is told for every probe how long its loop took to get to it: what a busy loop adds to every measured phase. Runs
  /// on loop threads.
  using LagObserver = std::function<void(Duration)>;

  /// `loops` (at least one), `clock` and what `on_lag` refers to must outlive the engine.
  Engine(std::vector<ProbeIo*> loops, Clock& clock, const LagObserver& on_lag = nullptr);
  /// stop()s, if nobody has.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Starts one probe. It ends by `deadline`, which is on the loops' clock, with reason `timeout` if nothing else ended
  /// it. After stop() it ends at once with reason `cancelled`.
  void start(ProbeRequest request, Deadline deadline, Callback done);

  /// Ends all that is in flight with reason `cancelled` and returns when every callback has run; so it does for what
  /// was started since, when called again. Not from a loop thread.
  void stop();

  SteadyTime now() const { return loops_.front()->now(); }
  std::size_t in_flight() const { return in_flight_->load(); }
  /// Reads the TLS files of `module` ahead of its probes.
  Status prepare(const Module& module);

 private:
  class Loop;
  std::vector<ProbeIo*> loops_;
  Clock& clock_;
  const std::shared_ptr<BodyFiles> bodies_;
  std::vector<std::shared_ptr<Loop>> states_;
  std::atomic<std::uint64_t> next_{0};
  std::atomic<bool> stopped_{false};
  /// Shared with the loops: a probe that is started after stop() may end when this object is gone.
  std::shared_ptr<std::atomic<std::size_t>> in_flight_ = std::make_shared<std::atomic<std::size_t>>(0);
};

/// Starts one probe and waits for it: for programs that run one and end.
ProbeResult run_once(Engine& engine, ProbeRequest request, Duration timeout);

/// How long a probe may take: the module's own time-out or what Prometheus leaves of its scrape (`header` seconds, 120
/// when absent or 0, less `offset`), whichever is smaller. kInvalid when the header is not a number. Source:
/// blackbox_exporter.
Result<Duration> probe_timeout(const Module& module, std::string_view header, Duration offset);

/// The second of these alone.
Result<Duration> scrape_time_left(std::string_view header, Duration offset);

/// How long after its begin a failed probe with `timeout` may be asked about again: never longer than `most`.
Duration confirm_time(const ConfirmSettings& confirm, Duration timeout, Duration most);

}  // namespace heal::probe
