#include "common/playbook/notify.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/playbook/quotes.h"
#include "common/playbook/reading.h"

namespace heal::playbook {
namespace {

using config::MapReader;
using config::Value;

void note(MapReader& map, const char* key, FileNotes& files) {
  const auto value = map.find(key);
  if (value && value->is_scalar() && !value->text().empty()) files.emplace_back(key, *value);
}

/// What may stand between < and > of a mail's envelope.
std::optional<std::string> as_mail_address(const Value& value) {
  const auto text = config::as_string(value);
  if (!text) return std::nullopt;
  const auto at = text->find('@');
  const bool is_plain = std::all_of(text->begin(), text->end(), [](char c) {
    return c > ' ' && c < '\x7f' && std::string_view("<>()[],;:\\\"").find(c) == std::string_view::npos;
  });
  if (is_plain && at != std::string::npos && at > 0 && at + 1 < text->size() && text->size() <= 254 &&
      text->find('@', at + 1) == std::string::npos)
    return text;
  value.must_be("a mail address such as ops@example.com");
  return std::nullopt;
}

bool is_this_machine(std::string_view host_port) {
  const auto host = host_port.substr(0, host_port.rfind(':'));
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

EmailSettings read_email(const Value& value, FileNotes& files) {
  EmailSettings out;
  MapReader map(value, "\"email\"");
  map.required("smarthost", out.smarthost, config::as_host_port);
  map.required("from", out.from, as_mail_address);
  map.required("to", out.to, config::as_list(as_mail_address));
  map.optional("tls", out.tls,
               config::as_enum<EmailSettings::Tls>({{"starttls", EmailSettings::Tls::kStartTls},
                                                    {"on", EmailSettings::Tls::kImplicit},
                                                    {"off", EmailSettings::Tls::kOff}}));
  map.optional("username", out.username, config::as_nonempty_string);
  config::read_secret(map, "password", out.password);
  note(map, "password_file", files);
  map.optional("ca_file", out.ca_file, config::as_nonempty_string);
  note(map, "ca_file", files);
  map.finish();
  if (map.is_map() && out.username.empty() == out.password.is_set())
    value.error("\"username\" and \"password_file\" belong together");
  if (out.tls == EmailSettings::Tls::kOff && !out.username.empty() && !is_this_machine(out.smarthost))
    value.error(fmt::format("without TLS the password would be sent to {} for everyone to read", out.smarthost),
                "use tls: starttls, or tls: on");
  return out;
}

WebhookSettings read_webhook(const Value& value, FileNotes& files) {
  WebhookSettings out;
  MapReader map(value, "a webhook");
  config::read_secret(map, "url", out.url);
  note(map, "url_file", files);
  if (map.is_map() && !out.url.is_set() && !map.has("url")) value.error("a webhook needs \"url\" or \"url_file\"");
  if (!out.url.value.empty()) {
    if (const auto problem = config::http_url_problem(out.url.value))
      map.find("url")->error(fmt::format("\"url\" is not a URL that can be used: {}", *problem));
  }
  map.optional("headers_files", out.headers_files, config::as_string_map);
  if (const auto headers = map.find("headers_files"); headers && headers->is_map()) {
    for (const auto& entry : headers->node().entries)
      files.emplace_back("headers_files", headers->child(entry));
  }
  map.optional("ca_file", out.ca_file, config::as_nonempty_string);
  note(map, "ca_file", files);
  map.finish();
  return out;
}

std::string print_secret(const char* key, const config::Secret& secret) {
  return secret.file.empty() ? fmt::format("{}: <secret>", key)
                             : fmt::format("{}_file: {}", key, in_quotes(secret.file));
}

std::string print_email(const EmailSettings& email) {
  std::string to;
  for (const auto& address : email.to)
    to += (to.empty() ? "" : ", ") + in_quotes(address);
  const char* tls = email.tls == EmailSettings::Tls::kStartTls   ? "starttls"
                    : email.tls == EmailSettings::Tls::kImplicit ? "on"
                                                                 : "off";
  std::string out = fmt::format("{{smarthost: {}, tls: {}, from: {}, to: [{}]", in_quotes(email.smarthost),
                                in_quotes(tls), in_quotes(email.from), to);
  if (!email.username.empty())
    out += fmt::format(", username: {}, {}", in_quotes(email.username), print_secret("password", email.password));
  if (!email.ca_file.empty()) out += fmt::format(", ca_file: {}", in_quotes(email.ca_file));
  return out + "}";
}

std::string print_webhook(const WebhookSettings& webhook) {
  std::string out = "{" + print_secret("url", webhook.url);
  std::string headers;
  for (const auto& [name, file] : webhook.headers_files)
    headers += fmt::format("{}{}: {}", headers.empty() ? "" : ", ", in_quotes(name), in_quotes(file));
  if (!headers.empty()) out += fmt::format(", headers_files: {{{}}}", headers);
  if (!webhook.ca_file.empty()) out += fmt::format(", ca_file: {}", in_quotes(webhook.ca_file));
  return out + "}";
}

}  // namespace

NotifySettings read_notify(const Value& value, FileNotes& files) {
  NotifySettings out;
  MapReader map(value, "\"notify\"");
  if (const auto email = map.find("email")) out.email = read_email(*email, files);
  const auto webhooks = map.find("webhooks");
  map.finish();
  if (!webhooks) return out;
  if (!webhooks->is_map()) {
    webhooks->must_be("a map of names and webhooks");
    return out;
  }
  for (const auto& entry : webhooks->node().entries) {
    if (!is_identifier(entry.key))
      webhooks->key_error(
          entry, fmt::format("\"{}\" is not a name of a-z, 0-9, - and _ (at most 64)", printable(entry.key, 60)));
    out.webhooks[entry.key] = read_webhook(webhooks->child(entry), files);
  }
  return out;
}

std::string print_notify(const NotifySettings& notify) {
  if (!notify.email && notify.webhooks.empty()) return "";
  std::string out = "notify:\n";
  if (notify.email) out += fmt::format("  email: {}\n", print_email(*notify.email));
  if (!notify.webhooks.empty()) out += "  webhooks:\n";
  for (const auto& [name, webhook] : notify.webhooks)
    out += fmt::format("    {}: {}\n", name, print_webhook(webhook));
  return out;
}

}  // namespace heal::playbook
