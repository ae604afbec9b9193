#include "common/remedy/coordinator.h"

#include <algorithm>
#include <exception>
#include <future>
#include <utility>

#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

/// Events that one commit makes durable: enough to share the cost of a sync, and few enough that what they are made to
/// stays in the processor's cache until it is written.
constexpr std::size_t kMostJobsPerBatch = 256;
/// Before what was due is tried again after the store refused.
constexpr Duration kCommitPause = 1s;
/// Between two wake-ups of one incident for the same time.
constexpr Duration kLeastWake = 1s;

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
      workers_(options_.workers + kLookers, tools_.clock),
      ledger_(store, tools_.clock, tools_.random, logger_, metrics_, options_.workers),
      clock_watch_(tools_.clock) {}

Coordinator::~Coordinator() {
  stop(Duration{});
}

Status Coordinator::start() {
  HEAL_TRY_STATUS(ledger_.load());
  HEAL_TRY(set_back_before_, set_back_since(store_, tools_.clock.now()));
  alarm_ = std::make_unique<Alarm>(tools_.clock, [this] { ring(); });
  inbox_.push({[this] {
                 take_up_all();
                 return Status();
               },
               [this](const Status& status) { is_taken_up_ = status.has_value(); }});
  thread_ = std::thread([this] { run(); });
  is_accepting_.store(true);
  return {};
}

void Coordinator::stop(Duration grace) {
  // In this order: who sees that nothing is taken any more sees that nothing is begun any more.
  is_draining_.store(true);
  is_accepting_.store(false);
  drain_.request_stop();
  workers_.drain();
  workers_.wait_idle(grace);
  workers_.stop();
  inbox_.close();
  if (thread_.joinable()) thread_.join();
  alarm_.reset();
}

void Coordinator::ingest(EventBatch batch, const std::function<void(Result<IngestReply>)>& done) {
  if (!is_accepting_.load()) return done(stopping());
  const std::size_t events = batch.events.size();
  const std::string source = batch.source;
  if (const Status admitted = admit(); !admitted.has_value()) {
    count_store_error(source, events);
    return done(admitted.error());
  }
  auto reply = std::make_shared<IngestReply>();
  const WallTime received_at = tools_.clock.now();
  Message message;
  message.weight = std::max<std::size_t>(events, 1);
  message.apply = [this, reply, received_at, batch = std::make_shared<EventBatch>(std::move(batch))]() -> Status {
    const auto world = world_.get();
    HEAL_TRY(*reply, take_in(ledger_, *this, *world, *batch, received_at));
    return {};
  };
  message.done = [this, reply, done, events, source](const Status& status) {
    if (status.has_value()) {
      if (source == words::kAlertmanager) metrics_.last_intake.set(tools_.clock.now());
      return done(std::move(*reply));
    }
    count_store_error(source, events);
    done(status.error());
  };
  if (inbox_.try_push(std::move(message))) return;
  done(make_error(ErrorCode::kUnavailable, "too many notifications are waiting"));
}

/// Whether the store has room. What it has none for is counted as what it could not write, and said once.
Status Coordinator::admit() {
  Status status = store_.admits();
  const bool was_full = is_store_full_.exchange(!status.has_value());
  if (status.has_value()) {
    if (was_full) logger_.info("the store takes again", {});
    return {};
  }
  metrics_.commit_errors.increment();
  if (!was_full) logger_.error("the store takes nothing; all that comes is refused", {{"err", status.error()}});
  return status;
}

void Coordinator::count_store_error(const std::string& source, std::size_t events) {
  metrics_.events.at({source, std::string(words::kStoreError)}).increment(static_cast<double>(events));
}

void Coordinator::run() {
  for (;;) {
    const auto batch = inbox_.take(kMostJobsPerBatch);
    if (batch.empty()) break;
    handle(batch);
  }
  for (auto& [id, done] : waiting_)
    done(stopping());
  waiting_.clear();
}

void Coordinator::handle(const std::vector<Message>& batch) {
  const Duration set_back = clock_watch_.set_back();
  if (set_back > Duration{}) make_up_for(ledger_, set_back);
  std::vector<Status> results;
  results.reserve(batch.size());
  for (const auto& message : batch)
    results.push_back(message.apply());
  const bool has_changes = ledger_.has_changes();
  if (has_changes) mark_clock();
  const Status committed = ledger_.commit();
  if (!committed.has_value()) {
    logger_.error("the store refused a commit; nothing of it happened", {{"err", committed.error()}});
    // What was due is due still.
    alarm_->set(tools_.clock.deadline_in(kCommitPause));
    return fail_all(batch, committed.error());
  }
  if (set_back > Duration{}) clock_watch_.taken();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (batch[i].done) batch[i].done(results[i]);
  }
  for (const auto& id : ledger_.last_changed()) {
    if (ledger_.find(id) != nullptr) continue;
    dossiers_.erase(id);
    called_off_.erase(id);
  }
  end_pages();
  set_alarm();
  if (has_changes && options_.on_commit) options_.on_commit();
}

/// For a start that comes after the clock was set back.
void Coordinator::mark_clock() {
  if (const auto now = clock_watch_.due_mark())
    ledger_.write(PutValue{std::string(kClockKey), format_rfc3339_nano(*now)});
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
  for (const auto& id : ledger_.last_changed())
    place_wake(id);
  for (const auto& id : freed_)
    place_wake(id);
  freed_.clear();
  std::optional<SteadyTime> first;
  if (!wake_order_.empty()) first = wake_order_.begin()->first;
  for (const auto& [id, when] : retries_) {
    if (!first || when < *first) first = when;
  }
  alarm_->set(first);
}

/// Notes when the incident wants to be looked at; a worker that has it looks anyway.
void Coordinator::place_wake(const std::string& incident_id) {
  const OpenIncident* open = ledger_.find(incident_id);
  if (open == nullptr || !open->progress.wake_at || busy_.contains(incident_id)) return drop_wake(incident_id);
  const WallTime wall = *open->progress.wake_at;
  if (auto it = wakes_.find(incident_id); it != wakes_.end() && it->second.wall == wall) return;
  drop_wake(incident_id);
  const SteadyTime steady = tools_.clock.steady_now() + std::max(Duration{}, wall - clock_watch_.now());
  wakes_.emplace(incident_id, Wake{wall, steady});
  wake_order_.emplace(steady, incident_id);
}

void Coordinator::postpone_wake(const std::string& incident_id, SteadyTime until) {
  const auto it = wakes_.find(incident_id);
  if (it == wakes_.end()) return;
  wake_order_.erase({it->second.steady, incident_id});
  it->second.steady = until;
  wake_order_.emplace(until, incident_id);
}

void Coordinator::hasten_wake(const std::string& incident_id, SteadyTime latest) {
  const auto it = wakes_.find(incident_id);
  if (it != wakes_.end() && it->second.steady > latest) postpone_wake(incident_id, latest);
}

void Coordinator::drop_wake(const std::string& incident_id) {
  const auto it = wakes_.find(incident_id);
  if (it == wakes_.end()) return;
  wake_order_.erase({it->second.steady, incident_id});
  wakes_.erase(it);
}

void Coordinator::ring() {
  inbox_.push({[this] {
                 if (!is_taken_up_) take_up_all();
                 const SteadyTime now = tools_.clock.steady_now();
                 std::vector<std::string> due;
                 for (const auto& [when, id] : wake_order_) {
                   if (when > now) break;
                   due.push_back(id);
                 }
                 for (const auto& [id, when] : retries_) {
                   if (when <= now) due.push_back(id);
                 }
                 std::erase_if(retries_, [now](const auto& retry) { return retry.second <= now; });
                 for (const auto& id : due) {
                   // What is not taken up now (its time is not there by the wall clock, or the store cannot be read) is
                   // looked at again, and not at once.
                   const auto wake = wakes_.find(id);
                   const Duration left = wake == wakes_.end() ? Duration{} : wake->second.wall - tools_.clock.now();
                   postpone_wake(id, now + std::max(kLeastWake, left));
                   take_up(id);
                 }
                 return Status();
               },
               [this](const Status& status) { is_taken_up_ |= status.has_value(); }});
}

void Coordinator::submit(const std::string& incident_id, std::function<void(std::stop_token)> job) {
  ++busy_[incident_id];
  retries_.erase(incident_id);
  drop_wake(incident_id);
  workers_.submit([this, incident_id, job = std::move(job)](std::stop_token stop) {
    std::optional<Error> failed;
    try {
      job(stop);
    } catch (const std::exception& e) {  // no memory, no thread: what was under way is taken up as after a kill
      failed = make_error(ErrorCode::kInternal, "a worker had to give up: {}", e.what());
    }
    // The next step of the incident is chosen on the coordinator's thread, where a wake-up may be due by now.
    inbox_.push({[this, incident_id, failed] {
                   if (auto it = busy_.find(incident_id); it != busy_.end() && --it->second == 0) busy_.erase(it);
                   if (failed) retry_later(incident_id, *failed);
                   freed_.push_back(incident_id);
                   return Status();
                 },
                 nullptr});
  });
}

}  // namespace heal::remedy
