#pragma once

#include <functional>
#include <map>
#include <memory>

#include "common/base/mutex.h"
#include "common/port/store.h"

namespace heal {

/// A store around another one whose commits fail, or are interrupted, when told. Commits are counted from 1; empty ones
/// do not count. Reads go through. Thread-safe.
class FailingStore : public Store {
 public:
  explicit FailingStore(std::shared_ptr<Store> inner) : inner_(std::move(inner)) {}

  /// The n-th commit fails with `error`; nothing of it is written.
  void fail_commit(std::uint64_t n, Error error);
  /// Every commit fails with `error`, until it is set to nullopt.
  void fail_all(std::optional<Error> error);
  /// admits() answers with `error`, until it is set to nullopt: what is written is written all the same.
  void refuse_new(std::optional<Error> error);
  /// check_journal() finds that `sequence` was altered.
  void report_altered(std::uint64_t sequence);
  enum class When { kBefore, kAfter };
  /// `hook` is called before the n-th commit is passed on, or after it was and succeeded. It may throw or end the
  /// process: both look like a crash at that point.
  void on_commit(std::uint64_t n, When when, std::function<void()> hook);
  /// How many commits were asked for.
  std::uint64_t commits() const;

  Status commit(const std::vector<StoreWrite>& writes) override;
  /// The error of fail_all(), if any; a planned one is not asked for.
  Status check_writable() override;
  Status admits() override;
  Result<std::optional<Episode>> episode(const std::string& key) override { return inner_->episode(key); }
  Result<std::vector<Episode>> episodes(const std::vector<std::string>& keys) override {
    return inner_->episodes(keys);
  }
  Result<std::vector<Episode>> episodes_of(const std::string& incident_id) override {
    return inner_->episodes_of(incident_id);
  }
  Result<std::optional<Incident>> incident(const std::string& id) override { return inner_->incident(id); }
  Result<std::vector<Incident>> incidents(const IncidentQuery& query) override { return inner_->incidents(query); }
  Result<std::vector<Incident>> open_incidents() override { return inner_->open_incidents(); }
  Result<std::vector<Episode>> unresolved_episodes() override { return inner_->unresolved_episodes(); }
  Result<std::vector<EpisodeRef>> unresolved_refs() override { return inner_->unresolved_refs(); }
  Status each_unresolved(const std::string& source, const std::function<void(const Episode&)>& visit) override {
    return inner_->each_unresolved(source, visit);
  }
  Result<std::vector<TimelineEntry>> timeline(const std::string& incident_id) override {
    return inner_->timeline(incident_id);
  }
  Result<std::vector<TimelineEntry>> entries_after(std::uint64_t after, std::size_t limit) override {
    return inner_->entries_after(after, limit);
  }
  Result<std::vector<OpenStep>> open_steps() override { return inner_->open_steps(); }
  Result<std::vector<FaultLease>> leases() override { return inner_->leases(); }
  Result<std::optional<std::string>> value(const std::string& key) override { return inner_->value(key); }
  Result<std::vector<std::pair<std::string, std::string>>> values(const std::string& prefix) override {
    return inner_->values(prefix);
  }
  Result<JournalCheck> check_journal() override;
  Result<Swept> sweep(const SweepOrder& order) override { return inner_->sweep(order); }
  Status back_up(const std::string& file) override { return inner_->back_up(file); }

 private:
  struct Plan {
    std::optional<Error> error;
    std::function<void()> before, after;
  };
  Plan plan_next();

  const std::shared_ptr<Store> inner_;
  mutable Mutex mutex_;
  std::uint64_t commits_ HEAL_GUARDED_BY(mutex_) = 0;
  std::optional<Error> all_fail_ HEAL_GUARDED_BY(mutex_);
  std::optional<Error> no_new_ HEAL_GUARDED_BY(mutex_);
  std::optional<std::uint64_t> altered_ HEAL_GUARDED_BY(mutex_);
  std::map<std::uint64_t, Plan> plans_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal
