#include "common/remedy/lever_file.h"

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/config/file.h"

namespace heal::remedy {
namespace {

constexpr std::size_t kMostLeverBytes = 4096;

std::string first_word(const std::string& text) {
  constexpr const char* kBlank = " \t\r\n";
  const auto begin = text.find_first_not_of(kBlank);
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_first_of(kBlank, begin) - begin);
}

}  // namespace

LeverFile read_lever_file(const std::string& file, const std::string& config_file) {
  if (file.empty()) return {"", true, "no file is configured"};
  LeverFile out;
  out.path = config::resolve_path(file, config::folder_of(config_file));
  const auto text = config::read_text_file(out.path, kMostLeverBytes);
  const std::string word = text.has_value() ? first_word(*text) : "";
  out.is_run = word == "run";
  if (!text.has_value()) {
    out.message = fmt::format("cannot be read: {}", text.error().str());
  } else if (word.empty()) {
    out.message = "is empty";
  } else {
    out.message = fmt::format("says \"{}\"", printable(word, 40));
  }
  return out;
}

}  // namespace heal::remedy
