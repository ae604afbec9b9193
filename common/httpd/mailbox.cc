#include "common/httpd/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

#include "common/base/check.h"

namespace heal::httpd {

Mailbox::Mailbox() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  HEAL_CHECK(fd_, "no eventfd");
}

void Mailbox::post(Mail mail) {
  {
    MutexLock lock(mutex_);
    if (closed_) return;
    mails_.push_back(std::move(mail));
    if (mails_.size() > 1) return;  // the loop knows
  }
  // Not under the lock, which the loop would wake up to wait for.
  const std::uint64_t one = 1;
  (void)!::write(fd_.get(), &one, sizeof one);
}

std::vector<Mail> Mailbox::take() {
  MutexLock lock(mutex_);
  return std::exchange(mails_, {});
}

void Mailbox::close() {
  MutexLock lock(mutex_);
  closed_ = true;
  mails_.clear();
}

}  // namespace heal::httpd
