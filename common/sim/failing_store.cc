#include "common/sim/failing_store.h"

#include <utility>

namespace heal {

void FailingStore::fail_commit(std::uint64_t n, Error error) {
  MutexLock lock(mutex_);
  plans_[n].error = std::move(error);
}

void FailingStore::fail_all(std::optional<Error> error) {
  MutexLock lock(mutex_);
  all_fail_ = std::move(error);
}

void FailingStore::on_commit(std::uint64_t n, When when, std::function<void()> hook) {
  MutexLock lock(mutex_);
  (when == When::kBefore ? plans_[n].before : plans_[n].after) = std::move(hook);
}

void FailingStore::report_altered(std::uint64_t sequence) {
  MutexLock lock(mutex_);
  altered_ = sequence;
}

Result<JournalCheck> FailingStore::check_journal() {
  HEAL_TRY(JournalCheck check, inner_->check_journal());
  MutexLock lock(mutex_);
  if (altered_) check.first_altered = altered_;
  return check;
}

std::uint64_t FailingStore::commits() const {
  MutexLock lock(mutex_);
  return commits_;
}

FailingStore::Plan FailingStore::plan_next() {
  MutexLock lock(mutex_);
  ++commits_;
  Plan plan;
  if (const auto found = plans_.find(commits_); found != plans_.end()) plan = found->second;
  if (all_fail_) plan.error = all_fail_;
  return plan;
}

void FailingStore::refuse_new(std::optional<Error> error) {
  MutexLock lock(mutex_);
  no_new_ = std::move(error);
}

Status FailingStore::admits() {
  {
    MutexLock lock(mutex_);
    if (no_new_) return *no_new_;
  }
  return inner_->admits();
}

Status FailingStore::check_writable() {
  {
    MutexLock lock(mutex_);
    if (all_fail_) return *all_fail_;
  }
  return inner_->check_writable();
}

Status FailingStore::commit(const std::vector<StoreWrite>& writes) {
  if (writes.empty()) return inner_->commit(writes);
  const Plan plan = plan_next();
  if (plan.before) plan.before();
  if (plan.error) return *plan.error;
  Status status = inner_->commit(writes);
  if (status && plan.after) plan.after();
  return status;
}

}  // namespace heal
