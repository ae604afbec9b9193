#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string_view>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/result.h"

namespace heal::exporter {

/// A thread that waits to be told what to do. What takes another's place makes its threads first: a host may have none
/// to spare, and then all stays as it was. Destroying it asks its work to stop and waits for that.
class HeldThread {
 public:
  using Work = std::function<void(const std::stop_token&)>;
  /// How a thread is made; may throw std::system_error.
  using Maker = std::function<std::jthread(Work)>;

  /// kUnavailable when there is no thread for `what`.
  static Result<HeldThread> make(std::string_view what, const Maker& maker = nullptr);
  static Result<std::vector<HeldThread>> make_several(std::string_view what, std::size_t count,
                                                      const Maker& maker = nullptr);

  HeldThread(HeldThread&&) = default;
  HeldThread& operator=(HeldThread&&) = delete;

  /// Once.
  void release(Work work);
  void request_stop() { thread_.request_stop(); }
  /// Waits for the end of its work.
  void join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  struct Order {
    Mutex mutex;
    CondVar changed;
    Work work HEAL_GUARDED_BY(mutex);
  };
  explicit HeldThread(std::shared_ptr<Order> order) : order_(std::move(order)) {}
  static void wait_and_work(Order& order, const std::stop_token& stop);

  std::shared_ptr<Order> order_;
  std::jthread thread_;
};

}  // namespace heal::exporter
