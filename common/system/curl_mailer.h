#pragma once

#include "common/port/mailer.h"

namespace heal {

/// SMTP (RFC 5321) by libcurl, a new connection for each mail. Without TLS where the server is not asked for it; with
/// kStartTls a server that does not offer it gets nothing.
class CurlMailer : public Mailer {
 public:
  CurlMailer();
  Status send(const MailServer& server, const Mail& mail, Deadline deadline, std::stop_token stop) override;
};

}  // namespace heal
