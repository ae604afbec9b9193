#include "common/remedy/action/mail_text.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <string_view>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/config/file.h"

namespace heal::remedy {
namespace {

constexpr std::size_t kLine = 76;
/// Of encoded text in one word of a header; a word is at most 75 bytes with what is around it.
constexpr std::size_t kWord = 60;

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

std::string encoded(char c) {
  return fmt::format("={:02X}", static_cast<unsigned char>(c));
}

/// RFC 2047: words of quoted text; characters are not cut in two.
std::string header_text(std::string_view text) {
  const bool is_plain =
      text.size() <= kWord && std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (is_plain && text.find("=?") == std::string_view::npos) return std::string(text);
  std::string out, word;
  const auto end_word = [&] {
    if (!word.empty()) out += fmt::format("{}=?UTF-8?Q?{}?=", out.empty() ? "" : "\r\n ", word);
    word.clear();
  };
  for (const char c : text) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (word.size() > kWord - 12 && !is_continuation(c)) end_word();
    word += is_letter ? std::string(1, c) : c == ' ' ? "_" : encoded(c);
  }
  end_word();
  return out;
}

/// RFC 2045, quoted-printable.
std::string body_text(std::string_view text) {
  std::string out;
  for (const auto line : split(text, '\n')) {
    std::string row;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const char c = line[i];
      const bool is_last = i + 1 == line.size();
      const bool is_plain = (c > ' ' && c <= '~' && c != '=') || ((c == ' ' || c == '\t') && !is_last);
      const std::string piece = is_plain ? std::string(1, c) : encoded(c);
      if (row.size() + piece.size() > kLine - 1) {
        out += row + "=\r\n";
        row.clear();
      }
      row += piece;
    }
    out += row + "\r\n";
  }
  return out;
}

/// `Sat, 21 Nov 2026 10:00:00 +0000`.
std::string date_of(WallTime time) {
  constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000", kDays[static_cast<std::size_t>(parts.tm_wday)],
                     parts.tm_mday, kMonths[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace

std::string write_mail(const MailText& mail) {
  const std::string domain = mail.from.substr(mail.from.find('@') + 1);
  std::string to;
  for (const std::string& address : mail.to)
    to += (to.empty() ? "" : ",\r\n ") + address;
  std::string id = mail.id;
  std::replace(id.begin(), id.end(), '/', '.');
  return fmt::format(
      "Date: {}\r\nFrom: promheal <{}>\r\nTo: {}\r\nSubject: {}\r\nMessage-ID: <{}@{}>\r\nAuto-Submitted: "
      "auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
      "quoted-printable\r\n\r\n{}",
      date_of(mail.sent_at), mail.from, to, header_text(mail.subject), id, domain, body_text(mail.body));
}

Result<MailServer> mail_server(const playbook::EmailSettings& settings, const std::string& folder) {
  MailServer server;
  server.address = settings.smarthost;
  switch (settings.tls) {
    case playbook::EmailSettings::Tls::kStartTls:
      server.security = MailServer::Security::kStartTls;
      break;
    case playbook::EmailSettings::Tls::kImplicit:
      server.security = MailServer::Security::kTls;
      break;
    case playbook::EmailSettings::Tls::kOff:
      server.security = MailServer::Security::kPlain;
      break;
  }
  if (!settings.ca_file.empty()) server.ca_file = config::resolve_path(settings.ca_file, folder);
  if (!settings.username.empty()) {
    HEAL_TRY(std::string password, config::load_secret(settings.password, folder));
    server.login.emplace(settings.username, std::move(password));
  }
  return server;
}

}  // namespace heal::remedy
