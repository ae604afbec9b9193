#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace heal::exporter {

/// Where the program's pages are, as blackbox_exporter's flags of the same names say it.
struct WebPaths {
  std::string external_url;  ///< without a slash at its end; "" when it was not given
  std::string prefix;        ///< of every route: "" or "/blackbox"

  bool operator==(const WebPaths&) const = default;
};

/// From --web.external-url and --web.route-prefix ("" for a flag that was not given): the prefix is the URL's path
/// unless it is given. kInvalid says what is wrong with the URL.
Result<WebPaths> web_paths(std::string_view external_url, std::string_view route_prefix);

}  // namespace heal::exporter
