#include <algorithm>
#include <array>

#include "common/base/text.h"
#include "common/probe/http_request.h"
#include "common/probe/module_decode.h"

// The headers that an http module adds to its requests.

namespace heal::probe {

using config::MapEntry;
using config::MapReader;
using config::Value;

namespace {

/// What a request needs for itself or other keys are for. Source: prometheus/common, config/headers.go.
constexpr std::array<std::string_view, 18> kReserved{"Authorization",
                                                     "Host",
                                                     "Content-Encoding",
                                                     "Content-Length",
                                                     "Content-Type",
                                                     "User-Agent",
                                                     "Connection",
                                                     "Keep-Alive",
                                                     "Proxy-Authenticate",
                                                     "Proxy-Authorization",
                                                     "Www-Authenticate",
                                                     "Accept-Encoding",
                                                     "X-Prometheus-Remote-Write-Version",
                                                     "X-Prometheus-Remote-Read-Version",
                                                     "X-Prometheus-Scrape-Timeout-Seconds",
                                                     "X-Amz-Date",
                                                     "X-Amz-Security-Token",
                                                     "X-Amz-Content-Sha256"};

/// A header's value must be one line: anything else would add headers.
bool is_header(const std::string& name, const std::string& text) {
  return !name.empty() && (name + text).find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
}

void check_header(const Value& map, const MapEntry& entry, const std::string& name, const std::string& text) {
  if (is_header(name, text)) return;
  map.secret_error(entry, fmt::format("header \"{}\" must have a name and be one line", printable(name)));
}

/// A list of texts that no message shows.
std::vector<std::string> secret_texts(const Value& map, const MapEntry& entry) {
  std::vector<std::string> texts;
  const Value list = map.child(entry);
  bool is_good = list.is_list();
  for (const Value& item : list.items()) {
    is_good = is_good && item.is_scalar();
    texts.push_back(item.text());
  }
  if (!is_good) map.secret_error(entry, fmt::format("\"{}\" must be a list of texts", printable(entry.key)));
  return texts;
}

InjectedHeader read_injected(const Value& headers, const MapEntry& entry) {
  InjectedHeader header;
  header.name = entry.key;
  check_header(headers, entry, header.name, "");
  const Value value = headers.child(entry);
  if (value.is_null()) return header;
  if (!value.is_map()) {
    headers.secret_error(
        entry, fmt::format("header \"{}\" must be a map of values, secrets and files", printable(header.name)));
    return header;
  }
  MapReader map(value, "a header of http_headers");
  map.optional("values", header.values, config::as_list(config::as_string));
  if (map.has("secrets")) header.secrets = secret_texts(value, *map.entry("secrets"));
  map.optional("files", header.files, config::as_list(config::as_nonempty_string));
  map.finish();
  for (const auto& texts : {header.values, header.secrets}) {
    for (const std::string& text : texts)
      check_header(headers, entry, header.name, text);
  }
  return header;
}

}  // namespace

std::optional<std::vector<std::pair<std::string, std::string>>> as_headers(const Value& value) {
  if (!value.is_map()) {
    value.must_be("a map of texts");
    return std::nullopt;
  }
  std::vector<std::pair<std::string, std::string>> headers;
  for (const auto& entry : value.node().entries) {
    const Value child = value.child(entry);
    const std::optional<std::string> read = child.is_null() ? std::string() : config::as_string(child);
    if (!read) continue;
    const std::string &name = entry.key, &text = *read;
    headers.emplace_back(name, text);
    if (!is_header(name, text)) {
      value.error(fmt::format("header \"{}\" must have a name and be one line", printable(name)));
      return std::nullopt;
    }
  }
  std::sort(headers.begin(), headers.end());
  return headers;
}

std::optional<std::vector<InjectedHeader>> as_http_headers(const Value& value) {
  std::vector<InjectedHeader> headers;
  MapReader map(value, "http_headers");
  for (const auto& [entry, child] : map.rest()) {
    const std::string name = canonical_header_name(entry->key);
    if (std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end()) {
      value.secret_error(*entry, fmt::format("\"http_headers\" cannot set the header \"{}\"", name),
                         "\"headers\", \"basic_auth\", \"authorization\" and \"compression\" are for such");
    }
    headers.push_back(read_injected(value, *entry));
  }
  return headers;
}

std::optional<std::vector<std::pair<std::string, std::string>>> as_connect_headers(const Value& value) {
  std::vector<std::pair<std::string, std::string>> headers;
  MapReader map(value, "a proxy_connect_header");
  for (const auto& [entry, child] : map.rest()) {
    if (child.is_null()) continue;
    for (std::string& text : secret_texts(value, *entry)) {
      check_header(value, *entry, entry->key, text);
      headers.emplace_back(entry->key, std::move(text));
    }
  }
  return headers;
}

}  // namespace heal::probe
