#include "common/remedy/coordinator.h"

#include <future>
#include <utility>

#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

constexpr std::size_t kMostPerBatch = 256;

Error stopping() {
  return make_error(ErrorCode::kUnavailable, "the service is stopping");
}

}  // namespace

Coordinator::Coordinator(Store& store, Snapshot<World>& world, Tools tools, Logger logger, RemedyMetrics metrics,
                         CoordinatorOptions options)
    : store_(store),
      world_(world),
      tools_(tools),
      logger_(std::move(logger)),
      metrics_(metrics),
      options_(std::move(options)),
      inbox_(options_.inbox),
      workers_(options_.workers, tools_.clock),
      ledger_(store, tools_.clock, tools_.random, logger_, metrics_) {}

Coordinator::~Coordinator() {
  stop(Duration{});
}

Status Coordinator::start() {
  HEAL_TRY_STATUS(ledger_.load());
  alarm_ = std::make_unique<Alarm>(tools_.clock, [this] { ring(); });
  inbox_.push({[this] {
                 take_up_all();
                 return Status();
               },
               nullptr});
  thread_ = std::thread([this] { run(); });
  is_accepting_.store(true);
  return {};
}

void Coordinator::stop(Duration grace) {
  is_accepting_.store(false);
  is_draining_.store(true);
  drain_.request_stop();
  workers_.drain();
  workers_.wait_idle(grace);
  workers_.stop();
  inbox_.close();
  if (thread_.joinable()) thread_.join();
  alarm_.reset();
}

void Coordinator::ingest(AlertGroup group, const std::function<void(Result<IngestReply>)>& done) {
  if (!is_accepting_.load()) return done(stopping());
  auto reply = std::make_shared<IngestReply>();
  const WallTime received_at = tools_.clock.now();
  const std::size_t alerts = group.alerts.size();
  Message message;
  message.apply = [this, reply, received_at, group = std::make_shared<AlertGroup>(std::move(group))]() -> Status {
    const auto world = world_.get();
    HEAL_TRY(*reply, take_in(ledger_, *this, *world, *group, received_at));
    return {};
  };
  message.done = [this, reply, done, alerts](const Status& status) {
    if (status.has_value()) {
      metrics_.last_intake.set(tools_.clock.now());
      return done(std::move(*reply));
    }
    metrics_.events.at({std::string(words::kAlertmanager), std::string(words::kStoreError)})
        .increment(static_cast<double>(alerts));
    done(status.error());
  };
  if (inbox_.try_push(std::move(message))) return;
  done(make_error(ErrorCode::kUnavailable, "too many notifications are waiting"));
}

void Coordinator::run() {
  for (;;) {
    const auto batch = inbox_.take(kMostPerBatch);
    if (batch.empty()) break;
    handle(batch);
  }
  for (auto& [id, done] : waiting_)
    done(stopping());
  waiting_.clear();
}

void Coordinator::handle(const std::vector<Message>& batch) {
  std::vector<Status> results;
  results.reserve(batch.size());
  for (const auto& message : batch)
    results.push_back(message.apply());
  const bool has_changes = ledger_.has_changes();
  const Status committed = ledger_.commit();
  if (!committed.has_value()) {
    logger_.error("the store refused a commit; nothing of it happened", {{"err", committed.error()}});
    return fail_all(batch, committed.error());
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (batch[i].done) batch[i].done(results[i]);
  }
  std::erase_if(dossiers_, [this](const auto& item) { return ledger_.find(item.first) == nullptr; });
  set_alarm();
  metrics_.queue_depth.set(static_cast<double>(workers_.queued()));
  metrics_.queue_oldest_age.set(to_seconds(workers_.oldest_age()));
  if (has_changes && options_.on_commit) options_.on_commit();
}

void Coordinator::fail_all(const std::vector<Message>& batch, const Error& error) {
  const Status failed = error;
  for (const auto& message : batch) {
    if (message.done) message.done(failed);
  }
}

Status Coordinator::post_and_wait(std::function<Status()> apply) {
  auto promise = std::make_shared<std::promise<Status>>();
  auto future = promise->get_future();
  Message message{std::move(apply), [promise](const Status& status) { promise->set_value(status); }};
  if (!inbox_.push(std::move(message))) return make_error(ErrorCode::kCancelled, "the service is stopping");
  return future.get();
}

bool Coordinator::post_until_durable(const std::function<Status()>& apply, std::stop_token stop) {
  return insist(tools_.clock, std::move(stop), [&] { return post_and_wait(apply); });
}

void Coordinator::set_alarm() {
  std::map<std::string, Wake> wakes;
  std::optional<SteadyTime> first;
  for (const auto& [id, open] : ledger_.open()) {
    if (!open.progress.wake_at || busy_.contains(id)) continue;
    Wake wake{*open.progress.wake_at, {}};
    if (auto it = wakes_.find(id); it != wakes_.end() && it->second.wall == wake.wall) {
      wake.steady = it->second.steady;
    } else {
      wake.steady = tools_.clock.steady_now() + std::max(Duration{}, wake.wall - tools_.clock.now());
    }
    if (!first || wake.steady < *first) first = wake.steady;
    wakes.emplace(id, wake);
  }
  wakes_ = std::move(wakes);
  for (const auto& [id, when] : retries_) {
    if (!first || when < *first) first = when;
  }
  alarm_->set(first);
}

void Coordinator::ring() {
  inbox_.push({[this] {
                 const SteadyTime now = tools_.clock.steady_now();
                 std::vector<std::string> due;
                 for (const auto& [id, wake] : wakes_) {
                   if (wake.steady <= now) due.push_back(id);
                 }
                 for (const auto& [id, when] : retries_) {
                   if (when <= now) due.push_back(id);
                 }
                 std::erase_if(retries_, [now](const auto& retry) { return retry.second <= now; });
                 for (const auto& id : due)
                   take_up(id);
                 return Status();
               },
               nullptr});
}

void Coordinator::submit(const std::string& incident_id, std::function<void(std::stop_token)> job) {
  ++busy_[incident_id];
  wakes_.erase(incident_id);
  workers_.submit([this, incident_id, job = std::move(job)](std::stop_token stop) {
    job(stop);
    // The next step of the incident is chosen on the coordinator's thread, where a wake-up may be due by now.
    inbox_.push({[this, incident_id] {
                   if (auto it = busy_.find(incident_id); it != busy_.end() && --it->second == 0) busy_.erase(it);
                   return Status();
                 },
                 nullptr});
  });
}

}  // namespace heal::remedy
