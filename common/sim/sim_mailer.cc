#include "common/sim/sim_mailer.h"

#include <optional>

#include "common/base/host_port.h"
#include "common/sim/wait_in.h"

namespace heal {

void SimMailer::add_server(const std::string& address, std::optional<std::pair<std::string, std::string>> login) {
  MutexLock lock(mutex_);
  servers_[address] = std::move(login);
}

void SimMailer::refuse_recipient(const std::string& recipient) {
  MutexLock lock(mutex_);
  refused_.insert(recipient);
}

void SimMailer::set_delay(Duration delay) {
  MutexLock lock(mutex_);
  delay_ = delay;
}

void SimMailer::fail_next(Error error) {
  MutexLock lock(mutex_);
  failures_.push_back(std::move(error));
}

std::vector<Mail> SimMailer::taken() {
  MutexLock lock(mutex_);
  return taken_;
}

Status SimMailer::send(const MailServer& server, const Mail& mail, Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(HostPort::parse(server.address));
  if (mail.to.empty()) return make_error(ErrorCode::kInvalid, "a mail needs a recipient");
  Duration delay{};
  {
    MutexLock lock(mutex_);
    delay = delay_;
    if (servers_.count(server.address) == 0)
      return make_error(ErrorCode::kUnreachable, "mail server {}: connection refused", server.address);
  }
  HEAL_TRY_STATUS(wait_in(clock_, delay, deadline, std::move(stop), "mail server " + server.address));
  MutexLock lock(mutex_);
  const auto& login = servers_.at(server.address);
  if (login && server.login != login)
    return make_error(ErrorCode::kUnauthorized, "mail server {}: login refused", server.address);
  for (const std::string& recipient : mail.to) {
    if (refused_.count(recipient) != 0)
      return make_error(ErrorCode::kRefused, "mail server {}: the mail is not taken: 550", server.address);
  }
  if (!failures_.empty()) {
    Error error = std::move(failures_.front());
    failures_.erase(failures_.begin());
    if (error.code() == ErrorCode::kTimeout || error.code() == ErrorCode::kUnavailable) taken_.push_back(mail);
    return error;
  }
  taken_.push_back(mail);
  return {};
}

}  // namespace heal
