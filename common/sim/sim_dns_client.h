#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/port/clock.h"
#include "common/port/dns_client.h"

namespace heal {

/// Name servers that know what they were told: of other names they say NXDOMAIN, of other types of a known name
/// NOERROR without a record. A server of which nothing was told is not reachable. Thread-safe.
class SimDnsClient : public DnsClient {
 public:
  explicit SimDnsClient(Clock& clock) : clock_(clock) {}

  /// Whether a server answers, refuses at once, or never answers.
  enum class Behaviour { kAnswers, kRefuses, kDrops };
  void set(const std::string& server, Behaviour behaviour);
  /// What `lookup.server` answers from now on; it answers then.
  void answer(const DnsLookup& lookup, DnsReply reply);
  /// It never answers this question from now on.
  void ignore(const DnsLookup& lookup);

  Result<DnsReply> look_up(const DnsLookup& lookup, Deadline deadline, std::stop_token stop) override;

 private:
  struct Server {
    Behaviour behaviour = Behaviour::kRefuses;
    /// Name (lower case, without the final dot) → type → what is said; nullopt: nothing.
    std::map<std::string, std::map<std::string, std::optional<DnsReply>>> names;
  };
  void say(const DnsLookup& lookup, std::optional<DnsReply> reply);
  static std::optional<DnsReply> reply_of(const Server& server, const DnsLookup& lookup);

  Clock& clock_;

  Mutex mutex_;
  std::map<std::string, Server> servers_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal
