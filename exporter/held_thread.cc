#include "exporter/held_thread.h"

#include <system_error>
#include <utility>

namespace heal::exporter {

Result<HeldThread> HeldThread::make(std::string_view what, const Maker& maker) {
  HeldThread held(std::make_shared<Order>());
  Work work = [order = held.order_](const std::stop_token& stop) { wait_and_work(*order, stop); };
  try {
    held.thread_ = maker ? maker(std::move(work)) : std::jthread(std::move(work));
  } catch (const std::system_error& e) {
    return make_error(ErrorCode::kUnavailable, "no thread can be made for {}: {}", what, e.code().message());
  }
  return held;
}

Result<std::vector<HeldThread>> HeldThread::make_several(std::string_view what, std::size_t count, const Maker& maker) {
  std::vector<HeldThread> threads;
  for (std::size_t i = 0; i < count; ++i) {
    HEAL_TRY(HeldThread thread, make(what, maker));
    threads.push_back(std::move(thread));
  }
  return threads;
}

void HeldThread::wait_and_work(Order& order, const std::stop_token& stop) {
  const std::stop_callback wake(stop, [&] {
    MutexLock lock(order.mutex);
    order.changed.notify_all();
  });
  Work work;
  {
    MutexLock lock(order.mutex);
    while (!order.work && !stop.stop_requested())
      order.changed.wait(order.mutex);
    work = std::move(order.work);
  }
  if (work) work(stop);
}

void HeldThread::release(Work work) {
  MutexLock lock(order_->mutex);
  order_->work = std::move(work);
  order_->changed.notify_all();
}

}  // namespace heal::exporter
