#include "healctl/cli/spec.h"

#include <algorithm>

#include "common/base/text.h"

namespace heal::ctl {

std::vector<std::string> OptionSpec::all_names() const {
  std::vector<std::string> names_apart;
  for (const auto name : split(names, ','))
    names_apart.emplace_back(trim(name));
  return names_apart;
}

std::string OptionSpec::long_name() const {
  const auto each = all_names();
  return *std::max_element(each.begin(), each.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
}

std::string CommandSpec::name() const {
  std::string text;
  for (const auto& word : path)
    text += (text.empty() ? "" : " ") + word;
  return text;
}

const CommandSpec* CommandTree::find(const std::vector<std::string>& path) const {
  const auto found = std::find_if(commands.begin(), commands.end(), [&](const auto& c) { return c.path == path; });
  return found == commands.end() ? nullptr : &*found;
}

std::vector<std::string> CommandTree::children(const std::vector<std::string>& path) const {
  std::vector<std::string> words;
  for (const auto& command : commands) {
    if (command.path.size() <= path.size() || !std::equal(path.begin(), path.end(), command.path.begin())) continue;
    const auto& word = command.path[path.size()];
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
  }
  return words;
}

Setter into(std::string& target) {
  return [&target](const std::string& value) -> Status {
    target = value;
    return {};
  };
}

Setter into(std::vector<std::string>& target) {
  return [&target](const std::string& value) -> Status {
    target.push_back(value);
    return {};
  };
}

Setter into(bool& target) {
  return [&target](const std::string&) -> Status {
    target = true;
    return {};
  };
}

Setter into(std::optional<Duration>& target) {
  return [&target](const std::string& value) -> Status {
    HEAL_TRY(target, parse_duration(value));
    return {};
  };
}

Setter into(std::size_t& target) {
  return [&target](const std::string& value) -> Status {
    const auto number = parse_int(value);
    if (!number || *number < 1) {
      return make_error(ErrorCode::kInvalid, "expected a whole number from 1, got \"{}\"", printable(value));
    }
    target = static_cast<std::size_t>(*number);
    return {};
  };
}

}  // namespace heal::ctl
