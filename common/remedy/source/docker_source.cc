#include "common/remedy/source/docker_source.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/text.h"
#include "common/remedy/source/event_identity.h"
#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

constexpr std::size_t kMostMessagesWaiting = 4096;
constexpr std::size_t kMostMessagesPerBatch = 256;
constexpr Duration kAnswerTime = 10s;
constexpr Duration kFirstPause = 1s, kLongestPause = 30s;
/// So many time-outs in a row, and it is the engine.
constexpr std::size_t kMostSilent = 3;
/// How far an engine's clock may be behind ours.
constexpr Duration kClockSlack = 10min;
/// How old the stored time may be up to which everything was seen: what is told twice is known, so this costs nothing.
constexpr Duration kRememberEvery = 5min;

bool is_of_interest(const ContainerEvent& event) {
  return event.action == "create" || event.action == "die" || event.action == "oom" || event.action == "start" ||
         event.action == "destroy" || event.action.rfind("health_status", 0) == 0;
}

}  // namespace

DockerSource::DockerSource(SourceTools tools, std::string engine, const playbook::DockerSourceConfig& config)
    : tools_(std::move(tools)),
      engine_name_(std::move(engine)),
      config_(config),
      seen_key_("docker_seen/" + engine_name_),
      tracker_(engine_name_, {config.restart_grace, config.deploy_grace}, begin()),
      inbox_(kMostMessagesWaiting) {
  // One that cannot be read is found again by the first look at the engine.
  (void)tools_.store.each_unresolved(std::string(words::kDocker), [this](const Episode& episode) {
    if (label_value(episode.labels, event_labels::kEngine) == engine_name_) tracker_.know(episode);
  });
  alarm_.emplace(tools_.tools.clock, [this] { inbox_.try_push({Message::Kind::kTick, {}}); });
  loop_ = std::jthread([this](std::stop_token stop) { run(std::move(stop)); });
  try {
    stream_ = std::jthread([this](std::stop_token stop) { follow(std::move(stop)); });
  } catch (...) {  // no thread to spare: the other one would wait for messages for ever
    inbox_.close();
    throw;
  }
}

DockerSource::~DockerSource() {
  stream_.request_stop();
  loop_.request_stop();
  inbox_.close();
  stream_ = {};
  loop_ = {};
  alarm_.reset();
}

/// Up to when everything that happened was seen by an earlier run; the first run begins now. Deaths have the engine's
/// time: what is told twice is known, and what happened while we were away must not be taken for older than that.
WallTime DockerSource::begin() {
  const auto stored = tools_.store.value(seen_key_);
  if (stored.has_value() && *stored) {
    if (auto time = parse_rfc3339(**stored); time.has_value() && *time) return **time - kClockSlack;
  }
  return tools_.tools.clock.now();
}

void DockerSource::follow(std::stop_token stop) {
  Duration pause = kFirstPause;
  std::optional<WallTime> since;
  while (!stop.stop_requested()) {
    const auto world = tools_.world.get();
    ContainerEngine* engine = world->engine(engine_name_);
    if (engine == nullptr) return;
    inbox_.try_push({Message::Kind::kConnected, {}});
    const auto on_event = [&](const ContainerEvent& event) {
      pause = kFirstPause;
      since = event.at;
      // A full queue loses the event, not what happened: the next look at all containers finds it.
      if (is_of_interest(event)) inbox_.try_push({Message::Kind::kEvent, event});
    };
    (void)engine->events(since, on_event, stop);
    if (stop.stop_requested()) return;
    if (tools_.tools.clock.sleep_for(pause, stop) == Clock::Wake::kStopped) return;
    pause = std::min(pause * 2, kLongestPause);
  }
}

void DockerSource::run(std::stop_token stop) {
  for (;;) {
    const auto batch = inbox_.take(kMostMessagesPerBatch);
    if (batch.empty() || stop.stop_requested()) return;
    handle(batch, stop);
    std::optional<SteadyTime> next = reconcile_at_;
    if (const auto due = tracker_.next_due(); due && *due < *next) next = due;
    if (!hints_.empty() || !tracker_.untold().empty()) next = std::min(*next, try_at_);
    alarm_->set(next);
  }
}

void DockerSource::handle(const std::vector<Message>& batch, std::stop_token stop) {
  for (const Message& message : batch) {
    if (message.kind == Message::Kind::kConnected) reconcile_at_ = tools_.tools.clock.steady_now();
    if (message.kind != Message::Kind::kEvent) continue;
    ContainerHint& hint = hints_[message.event.id];
    if (message.event.action == "health_status: unhealthy") hint.unhealthy_at = message.event.at;
    if (message.event.action == "health_status: healthy") hint.was_healthy = true;
    if (message.event.action == "oom") hint.oom_killed = true;
    if (message.event.action != "die") continue;
    hint.died = true;
    hint.exit_code = parse_int(label_value(message.event.attributes, "exitCode"));
  }
  const auto world = tools_.world.get();
  ContainerEngine* engine = world->engine(engine_name_);
  if (engine == nullptr) return;
  const SteadyTime now = tools_.tools.clock.steady_now();
  for (const auto& id : tracker_.due(now))
    hints_.try_emplace(id);
  Status status;
  if (now >= reconcile_at_) {
    reconcile_at_ = now + config_.reconcile;
    status = reconcile(*engine, stop);
  }
  if (status.has_value()) status = look_at_all(*engine, stop);
  if (!status.has_value() && was_reachable_ && !stop.stop_requested())
    tools_.logger.warn("the engine cannot be asked; trying again", {{"engine", engine_name_}, {"err", status.error()}});
  was_reachable_ = status.has_value();
  try_at_ = tools_.tools.clock.steady_now() + kFirstPause;
  tell();
  if (status.has_value() && hints_.empty() && tracker_.untold().empty()) remember_time();
}

/// One that the engine does not show keeps nobody from looking at the others; it stays in hints_. An engine that does
/// not answer is left alone until later, and not always by the same container.
Status DockerSource::look_at_all(ContainerEngine& engine, std::stop_token stop) {
  std::vector<std::string> ids;
  for (auto it = hints_.upper_bound(looked_last_); it != hints_.end(); ++it)
    ids.push_back(it->first);
  for (auto it = hints_.begin(); it != hints_.end() && it->first <= looked_last_; ++it)
    ids.push_back(it->first);
  std::size_t silent = 0;
  for (const auto& id : ids) {
    if (stop.stop_requested()) return {};
    looked_last_ = id;
    const Status status = look(engine, id, hints_.at(id), stop);
    if (status.has_value()) {
      hints_.erase(id);
      unseen_.erase(id);
      continue;
    }
    const ErrorCode code = status.error().code();
    if (code == ErrorCode::kUnreachable) return status;
    if (code == ErrorCode::kTimeout && ++silent == kMostSilent) return status;
    if (unseen_.insert(id).second && !stop.stop_requested())
      tools_.logger.warn("a container cannot be looked at; the others are",
                         {{"engine", engine_name_}, {"container", id}, {"err", status.error()}});
    // What we may not see is not ours; the next look at all containers asks again.
    if (code == ErrorCode::kRefused || code == ErrorCode::kUnauthorized) hints_.erase(id);
  }
  return {};
}

/// Every container of the inventory is looked at in full, and those that are gone are known to be.
Status DockerSource::reconcile(ContainerEngine& engine, std::stop_token stop) {
  HEAL_TRY(const auto containers, engine.list(tools_.tools.clock.deadline_in(kAnswerTime), std::move(stop)));
  const auto world = tools_.world.get();
  std::set<std::string> there;
  for (const ContainerInfo& info : containers) {
    there.insert(info.id);
    const TargetId target{"container", engine_name_, info.name};
    if (playbook::inventory_of_container(world->bundle.config, target, info.labels).has_value())
      hints_.try_emplace(info.id);
  }
  std::erase_if(unseen_, [&](const std::string& id) { return !there.contains(id); });
  for (const auto& id : tracker_.known()) {
    if (!there.contains(id)) {
      tracker_.gone(id, tools_.tools.clock.now());
    } else if (!hints_.contains(id)) {
      tracker_.left_inventory(id, tools_.tools.clock.now());
    }
  }
  return {};
}

Status DockerSource::look(ContainerEngine& engine, const std::string& id, const ContainerHint& hint,
                          std::stop_token stop) {
  const auto info = engine.inspect(id, tools_.tools.clock.deadline_in(kAnswerTime), std::move(stop));
  if (!info.has_value()) {
    if (info.error().code() != ErrorCode::kNotFound) return info.error();
    tracker_.gone(id, tools_.tools.clock.now());
    return {};
  }
  const auto world = tools_.world.get();
  const TargetId target{"container", engine_name_, info->name};
  const auto entry = playbook::inventory_of_container(world->bundle.config, target, info->labels);
  if (!entry.has_value()) {
    tracker_.left_inventory(id, tools_.tools.clock.now());
    return {};
  }
  tracker_.look(*info, entry->group, hint, tools_.tools.clock.now(), tools_.tools.clock.steady_now());
  return {};
}

void DockerSource::tell() {
  if (tracker_.untold().empty()) return;
  EventBatch batch;
  batch.source = words::kDocker;
  batch.events = tracker_.untold();
  const std::size_t count = batch.events.size();
  const auto reply = ingest_and_wait(tools_, std::move(batch));
  if (reply.has_value()) return tracker_.told(count);
  tools_.logger.warn("what the engine told could not be taken in; trying again",
                     {{"engine", engine_name_}, {"err", reply.error()}});
}

void DockerSource::remember_time() {
  const WallTime now = tools_.tools.clock.now();
  if (remembered_at_ && now >= *remembered_at_ && now - *remembered_at_ < kRememberEvery) return;
  if (tools_.store.commit({PutValue{seen_key_, format_rfc3339_nano(now)}}).has_value()) remembered_at_ = now;
}

}  // namespace heal::remedy
