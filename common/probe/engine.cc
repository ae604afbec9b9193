#include "common/probe/engine.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <unordered_map>

#include "common/base/check.h"
#include "common/base/mutex.h"
#include "common/base/text.h"
#include "common/probe/confirm_run.h"
#include "common/probe/http_files.h"
#include "common/probe/tls_families.h"

namespace heal::probe {
namespace {

constexpr double kDefaultTimeoutSeconds = 120;

/// A decimal number, all of `text`.
Result<double> parse_number(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) {
    return make_error(ErrorCode::kInvalid, "\"{}\" is not a number", printable(text));
  }
  return number;
}

/// What is left of the scrape whose time-out is `header`.
Result<double> seconds_left(std::string_view header, Duration offset) {
  double seconds = 0;
  if (!header.empty()) {
    HEAL_TRY(seconds, parse_number(header));
  }
  if (seconds == 0) seconds = kDefaultTimeoutSeconds;
  return seconds - to_seconds(offset);
}

/// A probe in flight.
struct Active {
  Active(ProbeRequest request_in, Clock& clock) : request(std::move(request_in)), log(clock, request) {}

  ProbeRequest request;
  RunLog log;
  SteadyTime begun{};
  Engine::Callback done;
  std::unique_ptr<ProbeRun> run;
  std::unique_ptr<PendingIo> timer;
};

/// A prober: how a run of it is made, and the TLS settings that it uses; nullptr for none.
struct Prober {
  std::string_view name;
  RunMaker make_run;
  const TlsSettings* (*tls)(const Module&);
};

constexpr std::array kProbers = {
    Prober{"http", make_http_run, [](const Module& module) { return &module.http.tls; }},
    Prober{"tcp", make_tcp_run, [](const Module& module) { return &module.tcp.tls_config; }},
    Prober{"dns", make_dns_run, [](const Module& module) { return &module.dns.tls_config; }},
    Prober{"icmp", make_icmp_run, [](const Module&) -> const TlsSettings* { return nullptr; }},
    Prober{"grpc", make_grpc_run, [](const Module& module) { return &module.grpc.tls_config; }},
    Prober{"unix", make_unix_run, [](const Module& module) { return &module.unix_socket.tls_config; }},
};

const Prober& prober_of(const Module& module) {
  for (const Prober& prober : kProbers) {
    if (prober.name == module.prober) return prober;
  }
  HEAL_CHECK(false, "modules are read with a known prober");
  return kProbers.front();
}

ProbeResult result_of(Active& active, RunOutcome outcome, Duration duration) {
  ProbeResult result;
  result.success = !outcome.failure.has_value();
  if (outcome.failure) {
    result.phase = to_string(outcome.failure->phase);
    result.reason = to_string(outcome.failure->reason);
    result.message = outcome.failure->message;
  }
  result.duration = duration;
  result.families = std::move(outcome.families);
  if (outcome.failure && outcome.failure->certificate) {
    const RefusedCertificate& refused = *outcome.failure->certificate;
    add_refused_certificate_families(refused, result.families);
    active.log.info("Certificate refused", {{"reason", std::string(to_string(refused.failure))},
                                            {"subject", refused.subject},
                                            {"issuer", refused.issuer}});
  }
  result.confirmation = outcome.confirmation;
  const std::string seconds = fmt::format("{:.6f}", to_seconds(duration));
  if (result.success) {
    active.log.info("Probe succeeded", {{"duration_seconds", seconds}});
  } else {
    active.log.error("Probe failed", {{"duration_seconds", seconds}});
  }
  result.log = active.log.take();
  return result;
}

}  // namespace

/// The probes of one loop. All but the constructor on the loop thread.
class Engine::Loop {
 public:
  Loop(ProbeIo& io, std::shared_ptr<std::atomic<std::size_t>> in_flight, LagObserver on_lag)
      : io_(io), in_flight_(std::move(in_flight)), on_lag_(std::move(on_lag)) {}

  void begin(std::shared_ptr<Active> active, Deadline deadline) {
    const std::uint64_t id = next_id_++;
    Active& probe = *active;
    if (on_lag_ && !stopped_) on_lag_(io_.now() - probe.begun);
    active_.emplace(id, std::move(active));
    const RunMaker make_run = prober_of(*probe.request.module).make_run;
    const bool confirms = probe.request.module->confirm.has_value();
    probe.run = confirms
                    ? make_confirming_run(probe.request, io_, probe.log, make_run, deadline, deadline - probe.begun)
                    : make_run(probe.request, io_, probe.log);
    probe.log.info("Beginning probe", {{"probe", probe.request.module->prober},
                                       {"timeout_seconds", fmt::format("{:.3f}", to_seconds(deadline - probe.begun))}});
    const Deadline end = confirms ? end_of_confirming(probe.request, deadline) : deadline;
    probe.timer = io_.call_at(end, [this, id] { abort(id, ProbeReason::kTimeout); });
    probe.run->start([this, id](RunOutcome outcome) { ended(id, std::move(outcome)); });
    if (stopped_) abort(id, ProbeReason::kCancelled);
  }

  void stop() {
    stopped_ = true;
    std::vector<std::uint64_t> ids;
    for (const auto& [id, active] : active_)
      ids.push_back(id);
    for (const std::uint64_t id : ids)
      abort(id, ProbeReason::kCancelled);
  }

 private:
  void abort(std::uint64_t id, ProbeReason reason) {
    const auto it = active_.find(id);
    if (it == active_.end()) return;
    const std::shared_ptr<Active> held = it->second;
    held->run->abort(reason);
  }

  void ended(std::uint64_t id, RunOutcome outcome) {
    auto node = active_.extract(id);
    std::shared_ptr<Active> active = std::move(node.mapped());
    active->timer.reset();
    const SteadyTime end = outcome.ended_at.value_or(io_.now());
    ProbeResult result = result_of(*active, std::move(outcome), end - active->begun);
    const Callback done = std::move(active->done);
    // The run stands below this call on the stack: it may go only when the loop is back at its top.
    io_.post([active = std::move(active)] {});
    in_flight_->fetch_sub(1);
    done(std::move(result));
  }

  ProbeIo& io_;
  const std::shared_ptr<std::atomic<std::size_t>> in_flight_;
  const LagObserver on_lag_;
  std::uint64_t next_id_ = 1;
  bool stopped_ = false;
  std::unordered_map<std::uint64_t, std::shared_ptr<Active>> active_;
};

namespace {

/// Something that happens once and can be waited for.
class Event {
 public:
  void set() HEAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    happened_ = true;
    condition_.notify_all();
  }
  void wait() HEAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (!happened_)
      condition_.wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar condition_;
  bool happened_ HEAL_GUARDED_BY(mutex_) = false;
};

}  // namespace

Engine::Engine(std::vector<ProbeIo*> loops, Clock& clock, const LagObserver& on_lag)
    : loops_(std::move(loops)), clock_(clock), bodies_(std::make_shared<BodyFiles>()) {
  HEAL_CHECK(!loops_.empty(), "an engine needs a loop");
  for (ProbeIo* io : loops_)
    states_.push_back(std::make_shared<Loop>(*io, in_flight_, on_lag));
}

Engine::~Engine() {
  if (!stopped_) stop();
}

void Engine::start(ProbeRequest request, Deadline deadline, Callback done) {
  request.bodies = bodies_;
  const std::size_t index = next_.fetch_add(1) % loops_.size();
  auto active = std::make_shared<Active>(std::move(request), clock_);
  active->begun = loops_[index]->now();
  active->done = std::move(done);
  in_flight_->fetch_add(1);
  loops_[index]->post([loop = states_[index], active = std::move(active), deadline]() mutable {
    loop->begin(std::move(active), deadline);
  });
}

void Engine::stop() {
  stopped_ = true;
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    Event finished;
    loops_[i]->post([&, loop = states_[i]] {
      loop->stop();
      // Behind the runs that stop() has posted to be destroyed.
      loops_[i]->post([&finished] { finished.set(); });
    });
    finished.wait();
  }
}

Status Engine::prepare(const Module& module) {
  const TlsSettings* settings = prober_of(module).tls(module);
  if (settings == nullptr) return {};
  for (ProbeIo* io : loops_)
    HEAL_TRY_STATUS(io->prepare_tls(*settings));
  return {};
}

ProbeResult run_once(Engine& engine, ProbeRequest request, Duration timeout) {
  Event finished;
  ProbeResult result;
  engine.start(std::move(request), engine.now() + timeout, [&](ProbeResult done) {
    result = std::move(done);
    finished.set();
  });
  finished.wait();
  return result;
}

Result<Duration> probe_timeout(const Module& module, std::string_view header, Duration offset) {
  HEAL_TRY(const double left, seconds_left(header, offset));
  const double own = to_seconds(module.timeout);
  return from_seconds((own > 0 && own < left) || left < 0 ? own : left);
}

Result<Duration> scrape_time_left(std::string_view header, Duration offset) {
  HEAL_TRY(const double left, seconds_left(header, offset));
  return from_seconds(left);
}

Duration confirm_time(const ConfirmSettings& confirm, Duration timeout, Duration most) {
  return std::min(confirm.within > Duration::zero() ? confirm.within : timeout, most);
}

}  // namespace heal::probe
