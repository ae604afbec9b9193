#include "common/probe/oauth2.h"

#include <algorithm>
#include <map>

#include "common/base/base64.h"
#include "common/base/text.h"
#include "common/probe/url.h"
#include "common/wire/json.h"

namespace heal::probe {
namespace {

using Form = std::map<std::string, std::string, std::less<>>;

/// A token is not used in its last seconds: it might end on the way.
constexpr Duration kSafety = std::chrono::seconds(10);
constexpr std::int64_t kLongestLife = std::int64_t{10} * 365 * 24 * 3600;

/// application/x-www-form-urlencoded.
std::string form_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("-_.~").find(c) != std::string_view::npos) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", byte);
    }
  }
  return out;
}

std::string form_unescaped(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return percent_decoded(spaced).value_or("");
}

Form parse_form(std::string_view body) {
  Form form;
  for (const std::string_view pair : split(body, '&')) {
    const std::size_t equals = std::min(pair.find('='), pair.size());
    form.emplace(form_unescaped(pair.substr(0, equals)),
                 form_unescaped(equals < pair.size() ? pair.substr(equals + 1) : std::string_view()));
  }
  return form;
}

/// The members of a JSON answer that we look at, numbers as text.
Result<Form> parse_json_answer(std::string_view body) {
  HEAL_TRY(const Json json, parse_json(body));
  Form form;
  for (const char* name : {"access_token", "token_type", "error"}) {
    HEAL_TRY(form[name], get_string_or_empty(json, name));
  }
  // Some servers write the number as a text.
  if (const auto text = get_optional_string(json, "expires_in"); text.has_value()) {
    form["expires_in"] = text->value_or("");
  } else {
    HEAL_TRY(const std::optional<double> seconds, get_optional_double(json, "expires_in"));
    const double bounded = std::clamp(seconds.value_or(0), 0.0, static_cast<double>(kLongestLife));
    form["expires_in"] = std::to_string(static_cast<std::int64_t>(bounded));
  }
  return form;
}

std::string scheme_of(const std::string& token_type) {
  const std::string lower = to_lower(token_type);
  if (lower.empty() || lower == "bearer") return "Bearer";
  if (lower == "mac") return "MAC";
  if (lower == "basic") return "Basic";
  return token_type;
}

bool is_one_line(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

}  // namespace

std::optional<std::string> OAuth2Tokens::get(const std::string& secret, SteadyTime now) const {
  MutexLock lock(mutex_);
  return current(secret, now);
}

std::optional<std::string> OAuth2Tokens::current(const std::string& secret, SteadyTime now) const {
  if (!token_ || secret_ != secret) return std::nullopt;
  if (token_->expires && now + kSafety >= *token_->expires) return std::nullopt;
  return token_->authorization;
}

OAuth2Tokens::Part OAuth2Tokens::ask(const std::string& secret, SteadyTime now, Waiter waiter) {
  MutexLock lock(mutex_);
  if (std::optional<std::string> known = current(secret, now)) return {std::move(known), false, 0};
  if (!fetching_) {
    fetching_ = secret;
    return {std::nullopt, true, 0};
  }
  if (*fetching_ != secret) return {};
  waiters_.emplace(++last_ticket_, std::move(waiter));
  return {std::nullopt, false, last_ticket_};
}

void OAuth2Tokens::leave(std::uint64_t ticket) {
  MutexLock lock(mutex_);
  waiters_.erase(ticket);
}

void OAuth2Tokens::settle(const Outcome& outcome) {
  std::map<std::uint64_t, Waiter> waiters;
  {
    MutexLock lock(mutex_);
    fetching_.reset();
    waiters.swap(waiters_);
  }
  for (const auto& [ticket, waiter] : waiters)
    waiter(outcome);
}

void OAuth2Tokens::put(const std::string& secret, OAuth2Token token, ClientAuth style) {
  MutexLock lock(mutex_);
  secret_ = secret;
  token_ = std::move(token);
  style_ = style;
}

void OAuth2Tokens::drop(const std::string& authorization) {
  MutexLock lock(mutex_);
  if (token_ && token_->authorization == authorization) token_.reset();
}

std::optional<ClientAuth> OAuth2Tokens::style() const {
  MutexLock lock(mutex_);
  return style_;
}

std::string oauth2_form(const OAuth2Settings& settings, const std::string& secret, ClientAuth style) {
  Form form{{"grant_type", "client_credentials"}};
  if (!settings.scopes.empty()) form["scope"] = fmt::format("{}", fmt::join(settings.scopes, " "));
  if (style == ClientAuth::kBody) {
    form["client_id"] = settings.client_id;
    form["client_secret"] = secret;
  }
  for (const auto& [name, value] : settings.endpoint_params)
    form[name] = value;
  std::string text;
  for (const auto& [name, value] : form) {
    if (!text.empty()) text += '&';
    text += form_escaped(name) + "=" + form_escaped(value);
  }
  return text;
}

std::string oauth2_client_header(const OAuth2Settings& settings, const std::string& secret) {
  return "Basic " + base64(form_escaped(settings.client_id) + ":" + form_escaped(secret));
}

Result<OAuth2Token> parse_oauth2_answer(const OAuth2Answer& answer, SteadyTime now) {
  const std::string type =
      to_lower(trim(std::string_view(answer.content_type).substr(0, answer.content_type.find(';'))));
  const bool is_form = type == "application/x-www-form-urlencoded" || type == "text/plain";
  const Result<Form> form = is_form ? Result<Form>(parse_form(answer.body)) : parse_json_answer(answer.body);
  const auto member = [&](const char* name) {
    if (!form.has_value()) return std::string();
    const auto it = form->find(name);
    return it == form->end() ? std::string() : it->second;
  };
  if (answer.status < 200 || answer.status > 299) {
    const std::string error = member("error");
    return make_error(ErrorCode::kInvalid, "the token server answers {}{}", answer.status,
                      error.empty() ? "" : ": " + printable(error, 100));
  }
  // The message of a JSON error would show what stands there, which may be a token.
  if (!form.has_value()) return Error(ErrorCode::kInvalid, "the token server's answer cannot be read");
  const std::string token = member("access_token");
  if (token.empty()) return Error(ErrorCode::kInvalid, "the token server's answer has no access_token");
  const std::string authorization = scheme_of(member("token_type")) + " " + token;
  if (!is_one_line(authorization)) return Error(ErrorCode::kInvalid, "the token cannot stand in a header");
  OAuth2Token result{authorization, std::nullopt};
  const std::int64_t seconds = parse_int(member("expires_in")).value_or(0);
  if (seconds > 0) result.expires = now + std::chrono::seconds(std::min(seconds, kLongestLife));
  return result;
}

}  // namespace heal::probe
