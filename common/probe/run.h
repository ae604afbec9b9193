#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/model/ip_address.h"
#include "common/model/probe_failure.h"
#include "common/model/probe_result.h"
#include "common/port/clock.h"
#include "common/port/probe_io.h"
#include "common/probe/module.h"
#include "common/probe/target_policy.h"

namespace heal::probe {

class BodyFiles;

/// What is to be probed and how. Value type; shares the module and the policy.
struct ProbeRequest {
  std::shared_ptr<const Module> module;
  std::string target;
  std::string hostname;  ///< instead of the target's; http: Host header and TLS name, tcp: TLS name; "" for none
  std::shared_ptr<const TargetPolicy> policy = std::make_shared<const TargetPolicy>();
  /// Of a module with `confirm`: until when a failure may be asked about again; nullopt: the probe's deadline.
  std::optional<Deadline> confirm_until{};
  /// Of a module with `confirm`: stop ends the asking again at once, and the probe with what its first attempt saw.
  std::stop_token confirm_stop{};
  std::shared_ptr<BodyFiles> bodies{};  ///< set by Engine::start(): one for all probes
};

/// The logfmt lines of one run, for debug=true and the history.
class RunLog {
 public:
  using Fields = std::vector<std::pair<std::string_view, std::string>>;
  RunLog(Clock& clock, const ProbeRequest& request);

  void info(std::string_view message, const Fields& fields = {}) { add("info", message, fields); }
  void error(std::string_view message, const Fields& fields = {}) { add("error", message, fields); }
  /// Why the run failed, with phase and reason.
  void failure(const ProbeFailure& failure);
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  void add(std::string_view level, std::string_view message, const Fields& fields);

  Clock& clock_;
  std::string common_;
  std::vector<std::string> lines_;
};

/// What a run hands over at its end; nullopt: success.
struct RunOutcome {
  std::optional<ProbeFailure> failure;
  std::vector<SampleFamily> families;
  /// Where the failure was asked about again: when the first attempt ended, which is what the rest tells of.
  std::optional<SteadyTime> ended_at{};
  std::optional<Confirmation> confirmation{};
};

/// One run of a prober: talks once and says what it saw. It knows nothing of schedules and deadlines. Loop thread only.
class ProbeRun {
 public:
  using Done = std::function<void(RunOutcome)>;

  virtual ~ProbeRun() = default;
  /// Begins. `done` runs once, on the loop thread, possibly inside this call; the run must not be destroyed in it.
  virtual void start(Done done) = 0;
  /// Ends at once for `reason`, with what is known so far: `done` runs inside this call. Nothing when it ran already.
  virtual void abort(ProbeReason reason) = 0;
};

/// A target as it may be shown: without the user information of its URL, which may hold a password.
std::string shown_target(std::string_view target);

/// The failure of a run that was aborted in `phase`; `turn`: of the TLS handshake that was asked for last.
ProbeFailure aborted(ProbePhase phase, ProbeReason reason, const TlsTurn& turn = {});

/// A module's source_ip_address; nullopt inside for none. kInvalid when it is not an address.
Result<std::optional<IpAddress>> source_address(const std::string& text);

/// A gauge family of one value.
SampleFamily gauge_family(std::string name, std::string help, double value);

/// How a run of a prober is made. What the references refer to outlives the run.
using RunMaker = std::unique_ptr<ProbeRun> (*)(const ProbeRequest& request, ProbeIo& io, RunLog& log);

std::unique_ptr<ProbeRun> make_http_run(const ProbeRequest& request, ProbeIo& io, RunLog& log);
std::unique_ptr<ProbeRun> make_tcp_run(const ProbeRequest& request, ProbeIo& io, RunLog& log);
std::unique_ptr<ProbeRun> make_dns_run(const ProbeRequest& request, ProbeIo& io, RunLog& log);
std::unique_ptr<ProbeRun> make_icmp_run(const ProbeRequest& request, ProbeIo& io, RunLog& log);
std::unique_ptr<ProbeRun> make_grpc_run(const ProbeRequest& request, ProbeIo& io, RunLog& log);
std::unique_ptr<ProbeRun> make_unix_run(const ProbeRequest& request, ProbeIo& io, RunLog& log);

}  // namespace heal::probe
