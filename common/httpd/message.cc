#include "common/httpd/message.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/text.h"

namespace heal::httpd {
namespace {

constexpr std::pair<int, std::string_view> kStatusTexts[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Payload Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Entity"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && to_lower(a) == to_lower(b);
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : to_valid_utf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

/// `method_not_allowed` for 405: what a program compares.
std::string code_word(int status) {
  std::string word = to_lower(status_text(status));
  std::replace(word.begin(), word.end(), ' ', '_');
  return word;
}

bool prefers_json(const HttpRequest& request) {
  const std::string accept = to_lower(request.header("Accept"));
  if (accept.find("application/json") != std::string::npos || accept.find("+json") != std::string::npos) return true;
  if (accept.find("text/") != std::string::npos) return false;
  return to_lower(request.header("Content-Type")).find("json") != std::string::npos;
}

}  // namespace

std::string_view HttpRequest::header(std::string_view name) const {
  const auto found = std::ranges::find_if(headers, [&](const auto& field) { return same_name(field.first, name); });
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<std::string_view> HttpRequest::param(std::string_view name) const {
  const auto found = std::ranges::find_if(query, [&](const auto& field) { return field.first == name; });
  if (found == query.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string_view> HttpRequest::params(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [key, value] : query) {
    if (key == name) values.emplace_back(value);
  }
  return values;
}

HttpResponse HttpResponse::text(int status, std::string body) {
  return {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::move(body), .headers = {}};
}

HttpResponse HttpResponse::json(int status, std::string body) {
  return {.status = status, .content_type = "application/json", .body = std::move(body), .headers = {}};
}

HttpResponse HttpResponse::html(int status, std::string body) {
  return {.status = status, .content_type = "text/html; charset=utf-8", .body = std::move(body), .headers = {}};
}

HttpResponse HttpResponse::error(const HttpRequest& request, int status, std::string_view message) {
  if (request.path.starts_with("/api/")) {
    return json(status, "{\"error\":{\"code\":" + json_string(code_word(status)) +
                            ",\"message\":" + json_string(message) + "}}\n");
  }
  if (prefers_json(request)) return json(status, "{\"error\":" + json_string(message) + "}\n");
  return text(status, to_valid_utf8(message) + "\n");
}

std::string_view status_text(int status) {
  const auto* found = std::ranges::find(kStatusTexts, status, &std::pair<int, std::string_view>::first);
  return found == std::end(kStatusTexts) ? "Unknown" : found->second;
}

}  // namespace heal::httpd
