#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/source_span.h"
#include "common/base/time.h"
#include "common/config/diagnostics.h"
#include "common/model/labels.h"
#include "common/model/prom_sample.h"
#include "common/model/target.h"
#include "common/port/dns_client.h"
#include "common/sim/sim_container_engine.h"
#include "common/sim/sim_dialer.h"

namespace heal::config {
class Value;
}

namespace heal::rehearsal {

/// An alert fires, resolves, is silenced, or is held by Alertmanager no more without a word to us.
struct AlertChange {
  enum class What { kFires, kResolves, kSilenced, kForgotten } what = What::kFires;
  Labels labels, annotations;
};
/// A notification as Alertmanager sends it, from a file.
struct PayloadArrives {
  std::string file;  ///< relative names already resolved
};
struct ContainerChange {
  enum class Becomes {
    kCrashed,
    kOutOfMemory,
    kStopped,
    kRunning,
    kPaused,
    kRemoved,
    kHealthy,
    kUnhealthy,
    kHanging,  ///< runs and does not answer, until it is started again
    kBroken,   ///< does not answer, whatever is done
    kMended,   ///< answers again
  } becomes = Becomes::kCrashed;
  std::string engine, name;
  std::int64_t exit_code = 137;
};
/// What a server says from now on; `status` 0: it refuses connections, -1: it does not answer.
struct HttpAnswers {
  std::string url;
  int status = 200;
  std::string body;
};
struct TcpAnswers {
  std::string address;
  SimDialer::Behaviour behaviour = SimDialer::Behaviour::kAccepts;
};
/// What a name server says from now on; nullopt: it does not answer.
struct DnsAnswers {
  DnsLookup lookup;
  std::optional<DnsReply> reply;
};
struct PromqlGives {
  std::string query;
  std::vector<PromSample> samples;
};
struct ProgramDoes {
  std::string path;
  int exit_code = 0;
  std::string output;
  Duration takes{};
  std::string restarts;  ///< a container of the only engine; "" for none
};
/// What a program does that docker.exec runs inside of containers.
struct ExecDoes {
  std::vector<std::string> argv;  ///< how its arguments begin
  std::string container;          ///< "": any
  int exit_code = 0;
  std::string output;
};
/// An HAProxy listens there, with these servers: `backend/server`.
struct HaproxyListens {
  std::string address;
  std::vector<std::string> servers;
};
/// The wall clock is set, as a correction of the system's time does.
struct ClockSet {
  WallTime to{};
};
struct EngineChange {
  std::string engine;
  enum class Becomes { kAway, kBack } becomes = Becomes::kAway;
};
/// Somebody does something with the newest open incident of a target.
struct OperatorActs {
  enum class Verb { kApprove, kReject, kCancel, kRetry } verb = Verb::kApprove;
  TargetId target;
  std::string by = "operator";
};
struct PauseChange {
  std::string name;
  enum class Becomes { kBegun, kEnded } becomes = Becomes::kBegun;
};
struct LeverMoved {
  enum class To { kEngaged, kReleased } to = To::kEngaged;
};
struct HealAsked {
  std::string playbook;
  TargetId target;
  std::map<std::string, std::string, std::less<>> params;
};
using Happening = std::variant<AlertChange, PayloadArrives, ContainerChange, HttpAnswers, TcpAnswers, DnsAnswers,
                               PromqlGives, ProgramDoes, ExecDoes, HaproxyListens, ClockSet, EngineChange, OperatorActs,
                               PauseChange, LeverMoved, HealAsked>;

/// One line of a timeline.
struct TimedHappening {
  Duration at{};  ///< since the beginning of the test
  Happening what;
  SourceSpan span;
};

/// How a name server is named among what a container serves.
inline constexpr std::string_view kDnsScheme = "dns://";

/// A container to begin with.
struct CastContainer {
  std::string engine;
  SimContainer container;
  std::string state = "running";  ///< running, exited, paused or created
  std::vector<std::string>
      serves;  ///< URLs and name servers (dns://host:port) that answer while it does, besides its health check
};

/// The world at the beginning.
struct WorldSetup {
  std::vector<CastContainer> containers;
  std::vector<Happening> answers;  ///< of servers, Prometheus and programs

  /// This world and what `more` adds.
  WorldSetup with(const WorldSetup& more) const;
};

/// A moment, as far as the test names it; `is_never`: it must be absent.
struct ExpectedTime {
  std::string name;  ///< failed, detected, decided, acted, verified, resolved, closed
  bool is_never = false;
  Duration from{}, to{};  ///< since the beginning; the same when the moment is given exactly
  SourceSpan span;
};
struct ExpectedStep {
  std::string name;
  std::string role = "step";  ///< step, undo or on_resolved
  std::string outcome = "done";
  std::string kind, target;                      ///< "": any
  std::map<std::string, std::string> arguments;  ///< only those that matter, as text or JSON
  std::optional<ExpectedTime> at;
  SourceSpan span;
};
/// What is said of one incident: everything that is absent may be anything.
struct ExpectedIncident {
  std::optional<std::string> alert, target, playbook, state, reason, type;
  std::optional<std::vector<std::string>> decisions;  ///< `allow`, `hold cooldown`, `unmatched route`
  std::optional<std::vector<ExpectedStep>> steps;
  std::vector<ExpectedTime> times;
  SourceSpan span, decisions_span, steps_span;
  std::map<std::string, SourceSpan> spans;  ///< of the single values, by key
};
struct Expectation {
  std::optional<Duration> after;  ///< when to look; absent: when every incident is over
  std::vector<ExpectedIncident> incidents;
  std::optional<std::vector<std::string>> calls;   ///< all changes of containers, `restart nginx`
  std::optional<std::vector<std::string>> alerts;  ///< names of all alerts that we posted, each once
  SourceSpan span, calls_span, alerts_span;
};

struct TestCase {
  std::string name;
  std::optional<WallTime> now;           ///< when it begins; absent: FakeClock::kStart
  WorldSetup world;                      ///< the file's and its own
  std::vector<TimedHappening> timeline;  ///< in order of time
  Expectation expect;
  SourceSpan span;
};

/// One file of tests.
struct TestFile {
  std::string file;
  std::string heal_yml;  ///< resolved
  SourceSpan heal_yml_span;
  std::vector<TestCase> tests;  ///< never empty
};

/// `allow`, or a result and the guard or stage that said so: `hold cooldown`. What else it is, is an error at its
/// place.
std::optional<std::string> as_decision(const config::Value& value);

/// Reads a test file strictly. nullopt when there was an error, which is in `diagnostics`.
std::optional<TestFile> parse_test_file(const std::string& text, const std::string& file,
                                        config::Diagnostics& diagnostics);

}  // namespace heal::rehearsal
