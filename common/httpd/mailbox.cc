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
  MutexLock lock(mutex_);
  if (closed_) return;
  mails_.push_back(std::move(mail));
  if (mails_.size() > 1) return;  // the loop knows
  const std::uint64_t one = 1;
  (void)!::write(fd_.get(), &one, sizeof one);
}

std::vector<Mail> Mailbox::take() {
  MutexLock lock(mutex_);
  std::uint64_t count = 0;
  (void)!::read(fd_.get(), &count, sizeof count);
  return std::exchange(mails_, {});
}

void Mailbox::close() {
  MutexLock lock(mutex_);
  closed_ = true;
  mails_.clear();
}

}  // namespace heal::httpd
