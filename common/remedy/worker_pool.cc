#include "common/remedy/worker_pool.h"

#include <exception>
#include <utility>

namespace heal::remedy {

WorkerPool::WorkerPool(std::size_t threads, Clock& clock) : clock_(clock) {
  try {
    for (std::size_t i = 0; i < threads; ++i)
      threads_.emplace_back([this] { run(); });
  } catch (...) {  // no thread to spare: nobody else ends those that there are
    stop();
    throw;
  }
}

WorkerPool::~WorkerPool() {
  stop();
}

void WorkerPool::submit(Job job, std::function<void()> given_up) {
  {
    MutexLock lock(mutex_);
    if (!is_draining_) {
      jobs_.push_back({std::move(job), std::move(given_up), clock_.steady_now()});
      work_.notify_one();
      return;
    }
  }
  if (given_up) given_up();
}

void WorkerPool::drain() {
  std::deque<Queued> dropped;
  {
    MutexLock lock(mutex_);
    is_draining_ = true;
    dropped.swap(jobs_);
  }
  for (const Queued& queued : dropped) {
    if (queued.given_up) queued.given_up();
  }
  work_.notify_all();
}

bool WorkerPool::wait_idle(Duration patience) {
  MutexLock lock(mutex_);
  return ended_.wait_for(mutex_, patience, [this]() HEAL_REQUIRES(mutex_) { return running_ == 0; });
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
    Queued next;
    {
      MutexLock lock(mutex_);
      while (jobs_.empty() && !is_draining_)
        work_.wait(mutex_);
      if (jobs_.empty()) return;
      next = std::move(jobs_.front());
      jobs_.pop_front();
      ++running_;
    }
    try {
      next.job(stop_.get_token());
    } catch (const std::exception&) {  // no memory, no thread: one job less, and the others go on
      if (next.given_up) next.given_up();
    }
    next = {};
    {
      MutexLock lock(mutex_);
      --running_;
    }
    ended_.notify_all();
  }
}

}  // namespace heal::remedy
