#include "exporter/web_paths.h"

#include <algorithm>

#include "common/base/text.h"

namespace heal::exporter {
namespace {

std::string_view without_slashes(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of('/'), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of('/') + 1);
}

bool is_quote(char c) {
  return c == '"' || c == '\'';
}

/// Characters that a link or a Location header can hold as they are.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 0x7f && std::string_view("\"'<>\\^`{|}").find(c) == std::string_view::npos;
  });
}

}  // namespace

Result<WebPaths> web_paths(std::string_view external_url, std::string_view route_prefix) {
  if (!external_url.empty() && (is_quote(external_url.front()) || is_quote(external_url.back()))) {
    return Error(ErrorCode::kInvalid, "--web.external-url must not begin or end with quotes");
  }
  if (!is_plain(external_url) || !is_plain(route_prefix)) {
    return Error(ErrorCode::kInvalid, "--web.external-url and --web.route-prefix must be written as in a URL");
  }
  const std::string_view url = external_url.substr(0, external_url.find_first_of("?#"));
  const std::size_t scheme = url.find("://");
  const std::size_t path = scheme == std::string_view::npos ? 0 : std::min(url.find('/', scheme + 3), url.size());
  const std::string_view own = without_slashes(route_prefix.empty() ? url.substr(path) : route_prefix);
  WebPaths paths;
  paths.external_url = url.substr(0, url.find_last_not_of('/') + 1);
  if (!own.empty()) paths.prefix = "/" + std::string(own);
  return paths;
}

}  // namespace heal::exporter
