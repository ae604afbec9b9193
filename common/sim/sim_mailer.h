#pragma once

#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/port/clock.h"
#include "common/port/mailer.h"

namespace heal {

/// Mail servers in memory. Where none was put, nobody listens. Thread-safe.
class SimMailer : public Mailer {
 public:
  explicit SimMailer(Clock& clock) : clock_(clock) {}

  /// A server that takes everything; with a `login` it takes nothing without it.
  void add_server(const std::string& address, std::optional<std::pair<std::string, std::string>> login = {});
  /// It refuses mail to `recipient`.
  void refuse_recipient(const std::string& recipient);
  /// Every mail takes this long from now on.
  void set_delay(Duration delay);
  /// The next mail fails with `error`; it is taken all the same when that leaves the outcome open.
  void fail_next(Error error);

  /// All that was taken, in order.
  std::vector<Mail> taken();

  Status send(const MailServer& server, const Mail& mail, Deadline deadline, std::stop_token stop) override;

 private:
  Clock& clock_;

  Mutex mutex_;
  std::map<std::string, std::optional<std::pair<std::string, std::string>>> servers_ HEAL_GUARDED_BY(mutex_);
  std::set<std::string> refused_ HEAL_GUARDED_BY(mutex_);
  std::vector<Error> failures_ HEAL_GUARDED_BY(mutex_);
  std::vector<Mail> taken_ HEAL_GUARDED_BY(mutex_);
  Duration delay_ HEAL_GUARDED_BY(mutex_){};
};

}  // namespace heal
