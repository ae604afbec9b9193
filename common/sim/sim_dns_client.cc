#include "common/sim/sim_dns_client.h"

#include <utility>

#include "common/base/host_port.h"
#include "common/base/text.h"
#include "common/sim/wait_in.h"
#include "common/wire/dns_message.h"

namespace heal {
namespace {

std::string plain_name(const std::string& name) {
  std::string out = to_lower(name);
  if (out.ends_with('.')) out.pop_back();
  return out;
}

}  // namespace

void SimDnsClient::set(const std::string& server, Behaviour behaviour) {
  MutexLock lock(mutex_);
  servers_[server].behaviour = behaviour;
}

void SimDnsClient::answer(const DnsLookup& lookup, DnsReply reply) {
  say(lookup, std::move(reply));
}

void SimDnsClient::ignore(const DnsLookup& lookup) {
  say(lookup, std::nullopt);
}

void SimDnsClient::say(const DnsLookup& lookup, std::optional<DnsReply> reply) {
  MutexLock lock(mutex_);
  Server& server = servers_[lookup.server];
  server.behaviour = Behaviour::kAnswers;
  server.names[plain_name(lookup.name)][lookup.type] = std::move(reply);
}

std::optional<DnsReply> SimDnsClient::reply_of(const Server& server, const DnsLookup& lookup) {
  const auto name = server.names.find(plain_name(lookup.name));
  if (name == server.names.end()) return DnsReply{"NXDOMAIN", {}};
  const auto reply = name->second.find(lookup.type);
  return reply == name->second.end() ? DnsReply{"NOERROR", {}} : reply->second;
}

Result<DnsReply> SimDnsClient::look_up(const DnsLookup& lookup, Deadline deadline, std::stop_token stop) {
  if (!lookup.server.empty()) HEAL_TRY_STATUS(HostPort::parse(lookup.server));
  HEAL_TRY_STATUS(check_dns_question(lookup.name, lookup.type));
  Server server;
  {
    MutexLock lock(mutex_);
    if (const auto it = servers_.find(lookup.server); it != servers_.end()) server = it->second;
  }
  const auto reply = reply_of(server, lookup);
  const bool is_silent = server.behaviour == Behaviour::kDrops || (server.behaviour == Behaviour::kAnswers && !reply);
  const Duration delay = is_silent ? Duration::max() : Duration{};
  HEAL_TRY_STATUS(wait_in(clock_, delay, deadline, std::move(stop), lookup.str()));
  if (server.behaviour == Behaviour::kRefuses)
    return make_error(ErrorCode::kUnreachable, "{}: the name server cannot be reached", lookup.str());
  return *reply;
}

}  // namespace heal
