#include "common/remedy/action/secret_headers.h"

#include <algorithm>

#include "common/config/file.h"

namespace heal::remedy {

Status add_headers_from_files(const std::map<std::string, std::string>& files, const std::string& folder,
                              HttpClientRequest& request) {
  for (const auto& [name, file] : files) {
    HEAL_TRY(auto value, config::load_secret({"", file}, folder).with_context("header {}", name));
    const bool is_one_line = std::none_of(value.begin(), value.end(),
                                          [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
    if (!is_one_line) return make_error(ErrorCode::kInvalid, "header {}: {} is not one line of text", name, file);
    request.headers.emplace_back(name, std::move(value));
  }
  return {};
}

}  // namespace heal::remedy
