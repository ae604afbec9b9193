#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/source_span.h"
#include "common/base/time.h"
#include "common/model/regex.h"
#include "common/model/target.h"
#include "common/playbook/text_template.h"

namespace heal::playbook {

/// The inventory's health check of a target: an http(s) URL that answers 2xx, or `tcp://host:port` that accepts.
struct HealthCheck {
  enum class Kind { kHttp, kTcp };
  Kind kind = Kind::kHttp;
  std::string address;  ///< the URL, or host:port

  std::string str() const { return kind == Kind::kTcp ? "tcp://" + address : address; }
  /// For messages and print-outs: without what may be a secret in the URL.
  std::string shown() const;
  bool operator==(const HealthCheck&) const = default;
};
/// `http://…`, `https://…` or `tcp://host:port`; kInvalid otherwise.
Result<HealthCheck> parse_health_check(std::string_view text);

/// How a PromQL result is compared. Every sample of the result must satisfy it; an empty result is "unknown".
enum class Comparison { kEqual, kNotEqual, kGreater, kGreaterEqual, kLess, kLessEqual };
std::string_view to_string(Comparison comparison);  ///< `==`, `!=`, `>`, `>=`, `<`, `<=`
bool compare(double value, Comparison comparison, double bound);

/// A question about the world with the answer that is wanted.
struct Check {
  enum class Kind { kHealth, kHttp, kTcp, kDns, kPromql, kContainer, kAlert };
  /// kPassing: the check must pass; kFailing: it must fail (for `before`).
  enum class Wanted { kPassing, kFailing };

  Kind kind = Kind::kHealth;
  Wanted wanted = Wanted::kPassing;
  /// kHttp: URL; kTcp: host:port; kDns: the name; kPromql: the query. In a plan kHealth has become `health` below.
  std::string address;
  std::vector<std::int64_t> status;  ///< kHttp: statuses that pass; empty: 200 to 299
  std::optional<Regex> body;         ///< kHttp: some part of the body must match
  std::string server;                ///< kDns: host:port; "": the name servers of the machine
  std::string record_type;           ///< kDns: A, AAAA, …
  std::optional<Regex> answer;       ///< kDns: the whole data of some record must match
  Comparison comparison = Comparison::kEqual;
  double bound = 1;                   ///< kPromql
  std::string state;                  ///< kContainer: running, exited, paused, …; kAlert: resolved
  std::optional<TargetId> target;     ///< kContainer: which one, kHealth: whose; a plan always has it for these
  std::optional<HealthCheck> health;  ///< kHealth in a plan: what the inventory says

  /// `health of container/local/nginx (http://nginx/healthz)`, `promql up{job="x"} == 1`, … without what may be a
  /// secret in a URL.
  std::string str() const;
  bool operator==(const Check&) const = default;
};
std::string_view to_string(Check::Kind kind);

/// A check as written in a playbook: its address may hold places.
struct CheckSpec {
  Check check;         ///< all but the address
  Template address;    ///< kHttp, kTcp, kDns, kPromql
  Template server;     ///< kDns; empty: the name servers of the machine
  Template of_target;  ///< empty: the incident's target
  SourceSpan span;

  bool operator==(const CheckSpec&) const = default;
};

/// The checks that prove that a heal helped.
template <typename CheckType>
struct BasicVerification {
  enum class Mode { kAll, kAny };
  Duration within = 60s;
  std::uint32_t consecutive = 2;  ///< successes in a row that are needed
  Duration interval = 1s;         ///< between two rounds
  Duration timeout = 5s;          ///< of one check
  Mode mode = Mode::kAll;
  std::vector<CheckType> checks;  ///< never empty

  bool operator==(const BasicVerification&) const = default;
};
using VerificationSpec = BasicVerification<CheckSpec>;
using Verification = BasicVerification<Check>;

}  // namespace heal::playbook
