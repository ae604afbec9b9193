#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/playbook/notify.h"
#include "common/port/mailer.h"

namespace heal::remedy {

/// What a mail says. All texts are UTF-8.
struct MailText {
  std::string from;
  std::vector<std::string> to;
  std::string subject;  ///< one line
  std::string body;     ///< lines ended by LF
  std::string id;       ///< in front of the @ of its Message-ID: letters, digits, `.-_/`
  WallTime sent_at{};
};

/// The mail as it is sent (RFC 5322, 2047, 2045): header and body, pure ASCII, lines of at most 76 bytes ended by CRLF.
std::string write_mail(const MailText& mail);

/// The server of heal.yml's notify.email; reads the password's file, which may be relative to `folder`.
Result<MailServer> mail_server(const playbook::EmailSettings& settings, const std::string& folder);

}  // namespace heal::remedy
