#include "common/remedy/worker_pool.h"

#include <utility>

namespace heal::remedy {

WorkerPool::WorkerPool(std::size_t threads, Clock& clock) : clock_(clock) {
  for (std::size_t i = 0; i < threads; ++i)
    threads_.emplace_back([this] { run(); });
}

WorkerPool::~WorkerPool() {
  stop();
}

void WorkerPool::submit(Job job) {
  {
    MutexLock lock(mutex_);
    if (is_draining_) return;
    jobs_.push_back({std::move(job), clock_.steady_now()});
  }
  changed_.notify_all();
}

void WorkerPool::drain() {
  std::deque<Queued> dropped;
  {
    MutexLock lock(mutex_);
    is_draining_ = true;
    dropped.swap(jobs_);
  }
  changed_.notify_all();
}

bool WorkerPool::wait_idle(Duration patience) {
  MutexLock lock(mutex_);
  return changed_.wait_for(mutex_, patience, [this]() HEAL_REQUIRES(mutex_) { return running_ == 0; });
}

void WorkerPool::stop() {
  drain();
  stop_.request_stop();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

std::size_t WorkerPool::queued() const {
  MutexLock lock(mutex_);
  return jobs_.size();
}

Duration WorkerPool::oldest_age() const {
  MutexLock lock(mutex_);
  return jobs_.empty() ? Duration{} : clock_.steady_now() - jobs_.front().since;
}

void WorkerPool::run() {
  for (;;) {
    Job job;
    {
      MutexLock lock(mutex_);
      while (jobs_.empty() && !is_draining_)
        changed_.wait(mutex_);
      if (jobs_.empty()) return;
      job = std::move(jobs_.front().job);
      jobs_.pop_front();
      ++running_;
    }
    job(stop_.get_token());
    job = nullptr;
    {
      MutexLock lock(mutex_);
      --running_;
    }
    changed_.notify_all();
  }
}

}  // namespace heal::remedy
