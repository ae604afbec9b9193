#include <algorithm>
#include <utility>

#include "common/rehearsal/stage.h"

namespace heal::rehearsal {

void Cast::add_engine(const std::string& name, std::shared_ptr<SimContainerEngine> engine) {
  engine->on_start([this, name](const ContainerInfo& started) {
    std::string container = started.name;
    // A container that is made anew begins under another name.
    if (container.ends_with(kNewSuffix)) container.resize(container.size() - kNewSuffix.size());
    MutexLock lock(mutex_);
    const auto found = spoiled_.find({name, container});
    if (found != spoiled_.end() && found->second == ContainerChange::Becomes::kHanging) spoiled_.erase(found);
  });
  engines_[name] = std::move(engine);
}

void Cast::spoil(const std::string& engine, const std::string& container, ContainerChange::Becomes how) {
  MutexLock lock(mutex_);
  spoiled_[{engine, container}] = how;
}

void Cast::mend(const std::string& engine, const std::string& container) {
  MutexLock lock(mutex_);
  spoiled_.erase({engine, container});
}

bool Cast::answers(const std::string& engine, const std::string& container) {
  const auto found = engines_.find(engine);
  if (found == engines_.end()) return false;
  const auto info = found->second->inspect(container, clock_.deadline_in(1min), {});
  MutexLock lock(mutex_);
  const Name name{engine, container};
  if (info.has_value()) {
    was_running_[name] = info->running();
  } else if (info.error().code() == ErrorCode::kNotFound) {
    was_running_[name] = false;
  }
  return was_running_[name] && spoiled_.find(name) == spoiled_.end();
}

void ExecScripts::set(const ExecDoes& does) {
  MutexLock lock(mutex_);
  scripts_.push_back(does);
}

ExecOutcome ExecScripts::run(const std::string& container, const std::vector<std::string>& argv) {
  MutexLock lock(mutex_);
  const auto is_meant = [&](const ExecDoes& does) {
    return (does.container.empty() || does.container == container) && does.argv.size() <= argv.size() &&
           std::equal(does.argv.begin(), does.argv.end(), argv.begin());
  };
  const auto found = std::find_if(scripts_.rbegin(), scripts_.rend(), is_meant);
  return found == scripts_.rend() ? ExecOutcome{} : ExecOutcome{found->exit_code, found->output, ""};
}

void CastDialer::answer(const std::string& address, std::shared_ptr<Balancer> balancer) {
  sim_.on_exchange(address, [balancer = std::move(balancer)](const std::string& request) {
    return Result<std::string>(balancer->answer(request));
  });
}

void CastDialer::follow(const std::string& address, std::string engine, std::string container) {
  MutexLock lock(mutex_);
  followed_[address] = {std::move(engine), std::move(container)};
}

void CastDialer::set(const std::string& address, SimDialer::Behaviour behaviour) {
  sim_.set(address, behaviour);
  MutexLock lock(mutex_);
  followed_.erase(address);
}

Status CastDialer::connect(const std::string& address, Deadline deadline, std::stop_token stop) {
  std::optional<std::pair<std::string, std::string>> who;
  {
    MutexLock lock(mutex_);
    if (const auto it = followed_.find(address); it != followed_.end()) who = it->second;
  }
  if (!who) return sim_.connect(address, deadline, std::move(stop));
  if (cast_.answers(who->first, who->second)) return {};
  return make_error(ErrorCode::kUnreachable, "connect to {}: connection refused", address);
}

Result<std::string> CastDialer::exchange(const std::string& address, const std::string& request, Deadline deadline,
                                         std::stop_token stop) {
  return sim_.exchange(address, request, deadline, std::move(stop));
}

void CastDnsClient::follow(const std::string& server, std::string engine, std::string container) {
  sim_.set(server, SimDnsClient::Behaviour::kAnswers);
  MutexLock lock(mutex_);
  followed_[server] = {std::move(engine), std::move(container)};
}

void CastDnsClient::set(const DnsLookup& lookup, const std::optional<DnsReply>& reply) {
  if (reply) return sim_.answer(lookup, *reply);
  sim_.ignore(lookup);
}

Result<DnsReply> CastDnsClient::look_up(const DnsLookup& lookup, Deadline deadline, std::stop_token stop) {
  std::optional<std::pair<std::string, std::string>> who;
  {
    MutexLock lock(mutex_);
    if (const auto it = followed_.find(lookup.server); it != followed_.end()) who = it->second;
  }
  if (who && !cast_.answers(who->first, who->second))
    return make_error(ErrorCode::kUnreachable, "{}: the name server cannot be reached", lookup.str());
  return sim_.look_up(lookup, deadline, std::move(stop));
}

}  // namespace heal::rehearsal
