#include "healctl/cli/parse.h"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include <CLI/CLI.hpp>

#include "common/base/text.h"

namespace heal::ctl {
namespace {

using Words = std::vector<std::string>;

/// Options that every level has and that end the parsing.
const std::vector<OptionSpec>& builtin_options() {
  static const std::vector<OptionSpec> kOptions{{.names = "-h,--help"}, {.names = "--version"}};
  return kOptions;
}

/// What one level of the command line (root, group or command) understood.
struct Level {
  CLI::App* app = nullptr;
  std::vector<std::pair<const OptionSpec*, Words*>> options;
};

/// The tree as CLI11 sees it. Positional arguments are not declared there: its lists of them split "[a,b]", and it
/// would take the words of a parent for commands. What it does not know comes back from remaining() in order.
class Parser {
 public:
  explicit Parser(const CommandTree& tree) : tree_(tree) {
    add_level({}, app_, nullptr);
    for (const auto& group : tree.groups)
      add_level({group.name}, *app_.add_subcommand(group.name), nullptr);
    for (const auto& command : tree.commands) {
      CLI::App* parent = command.path.size() > 1 ? levels_.at({command.path.front()}).app : &app_;
      add_level(command.path, *parent->add_subcommand(command.path.back()), &command);
    }
  }

  Invocation parse(const Words& args);

 private:
  void add_level(const Words& path, CLI::App& app, const CommandSpec* command) {
    app.set_help_flag();
    app.allow_extras();
    app.require_subcommand(0, 1);
    Level level{&app, {}};
    const auto add = [&](const OptionSpec& option) {
      auto& values = values_.emplace_back();
      auto* added = option.is_flag() ? app.add_flag(option.names, values) : app.add_option(option.names, values);
      if (!option.is_flag()) added->allow_extra_args(false);
      level.options.emplace_back(&option, &values);
    };
    for (const auto& option : builtin_options())
      add(option);
    for (const auto& option : tree_.global_options)
      add(option);
    if (command != nullptr) {
      for (const auto& option : command->options)
        add(option);
    }
    levels_.emplace(path, std::move(level));
  }

  /// nullptr when no option of any level has this name.
  const OptionSpec* known_option(std::string_view name) const;
  std::optional<Invocation> normalise(const Words& args);
  Invocation usage(const Words& path, std::string message, std::string hint = "") const {
    return {Invocation::Kind::kUsageError, path, std::move(message), std::move(hint)};
  }
  Words reached() const;
  bool given(const Words& path, std::string_view name) const;
  std::optional<Invocation> refuse_unknown_options(const Words& path) const;
  Invocation unknown_command(const Words& path, const std::string& word) const;
  std::optional<Invocation> apply(const Words& path, const OptionSpec& option, const Words& values) const;
  std::optional<Invocation> apply_options(const CommandSpec& command) const;
  std::optional<Invocation> apply_arguments(const CommandSpec& command, Words words) const;

  const CommandTree& tree_;
  CLI::App app_{"", "healctl"};
  std::deque<Words> values_;
  std::map<Words, Level> levels_;
  Words head_;  ///< what CLI11 gets, `--name=value` taken apart
  Words tail_;  ///< what follows "--"
};

const OptionSpec* Parser::known_option(std::string_view name) const {
  for (const auto& [path, level] : levels_) {
    for (const auto& [option, values] : level.options) {
      const auto names = option->all_names();
      if (std::find(names.begin(), names.end(), name) != names.end()) return option;
    }
  }
  return nullptr;
}

// CLI11 takes the next word for the value of "--name=", and a lone "++" for the end of a command.
std::optional<Invocation> Parser::normalise(const Words& args) {
  for (std::size_t i = 0; i < args.size(); ++i) {
    const auto& word = args[i];
    if (word == "--") {
      tail_.assign(args.begin() + static_cast<std::ptrdiff_t>(i) + 1, args.end());
      return std::nullopt;
    }
    if (word == "++") return usage({}, "unexpected argument \"++\"");
    const auto equals = word.find('=');
    const auto* option =
        word.starts_with("--") && equals != std::string::npos ? known_option(word.substr(0, equals)) : nullptr;
    if (option == nullptr) {
      head_.push_back(word);
      continue;
    }
    if (option->is_flag()) return usage({}, fmt::format("option \"{}\" takes no value", word.substr(0, equals)));
    head_.push_back(word.substr(0, equals));
    head_.push_back(word.substr(equals + 1));
  }
  return std::nullopt;
}

Words Parser::reached() const {
  Words path;
  const CLI::App* level = &app_;
  while (!level->get_subcommands().empty()) {
    level = level->get_subcommands().front();
    path.push_back(level->get_name());
  }
  return path;
}

bool Parser::given(const Words& path, std::string_view name) const {
  for (std::size_t length = 0; length <= path.size(); ++length) {
    const auto& level = levels_.at(Words(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(length)));
    for (const auto& [option, values] : level.options) {
      if (option->long_name() == name && !values->empty()) return true;
    }
  }
  return false;
}

std::optional<Invocation> Parser::refuse_unknown_options(const Words& path) const {
  const auto& level = levels_.at(path);
  for (const auto& word : app_.remaining(true)) {
    if (word.size() < 2 || word[0] != '-' || (word[1] >= '0' && word[1] <= '9')) continue;
    const auto name = word.substr(0, word.find('='));
    std::vector<std::string> candidates;
    for (const auto& [option, values] : level.options)
      candidates.push_back(option->long_name());
    const auto nearest = closest_match(name, candidates);
    return usage(path, fmt::format("unknown option \"{}\"", printable(name)),
                 nearest ? fmt::format("did you mean \"{}\"?", *nearest) : "");
  }
  return std::nullopt;
}

Invocation Parser::unknown_command(const Words& path, const std::string& word) const {
  auto message = fmt::format("unknown command \"{}\"", printable(word));
  if (const auto nearest = closest_match(word, tree_.children(path))) {
    return usage(path, std::move(message), fmt::format("did you mean \"{}\"?", *nearest));
  }
  for (const auto& command : tree_.commands) {
    if (command.path.size() > 1 && command.path.back() == word) {
      return usage(path, std::move(message), fmt::format("did you mean \"{}\"?", command.name()));
    }
  }
  return usage(path, std::move(message));
}

std::optional<Invocation> Parser::apply(const Words& path, const OptionSpec& option, const Words& values) const {
  const bool positional = !option.names.starts_with("-");
  const auto what = positional ? option.names : fmt::format("option \"{}\"", option.long_name());
  if (values.empty() && option.is_required()) {
    return usage(path, positional ? "missing argument " + option.names : fmt::format("{} is required", what));
  }
  if (values.size() > 1 && !option.is_repeated() && !option.is_flag()) {
    return usage(path, fmt::format("{} was given {} times", what, values.size()));
  }
  for (const auto& value : values) {
    const auto& choices = option.choices;
    if (!choices.empty() && std::find(choices.begin(), choices.end(), value) == choices.end()) {
      const auto nearest = closest_match(value, choices);
      return usage(path, fmt::format("{}: \"{}\" is none of {}", what, printable(value), fmt::join(choices, ", ")),
                   nearest ? fmt::format("did you mean \"{}\"?", *nearest) : "");
    }
    if (!option.set) continue;
    if (const auto status = option.set(value); !status) return usage(path, what + ": " + status.error().message());
  }
  return std::nullopt;
}

std::optional<Invocation> Parser::apply_options(const CommandSpec& command) const {
  for (const auto& option : tree_.global_options) {
    Words values;
    for (std::size_t length = 0; length <= command.path.size(); ++length) {
      const Words path(command.path.begin(), command.path.begin() + static_cast<std::ptrdiff_t>(length));
      for (const auto& [spec, given_values] : levels_.at(path).options) {
        if (spec == &option) values.insert(values.end(), given_values->begin(), given_values->end());
      }
    }
    if (auto refused = apply(command.path, option, values)) return refused;
  }
  for (const auto& [spec, values] : levels_.at(command.path).options) {
    const auto& own = command.options;
    const bool is_own = std::any_of(own.begin(), own.end(), [&, wanted = spec](const auto& o) { return &o == wanted; });
    if (!is_own) continue;
    if (auto refused = apply(command.path, *spec, *values)) return refused;
  }
  return std::nullopt;
}

std::optional<Invocation> Parser::apply_arguments(const CommandSpec& command, Words words) const {
  for (const auto& argument : command.arguments) {
    const auto count = argument.is_repeated() ? words.size() : std::min<std::size_t>(1, words.size());
    const auto end = words.begin() + static_cast<std::ptrdiff_t>(count);
    const Words values(words.begin(), end);
    words.erase(words.begin(), end);
    if (auto refused = apply(command.path, argument, values)) return refused;
  }
  if (!words.empty()) return usage(command.path, fmt::format("unexpected argument \"{}\"", printable(words.front())));
  return std::nullopt;
}

Invocation Parser::parse(const Words& args) {
  if (auto refused = normalise(args)) return *refused;
  try {
    app_.parse(Words(head_.rbegin(), head_.rend()));
  } catch (const CLI::ArgumentMismatch&) {
    // An option takes whatever follows it, so that only the last word can lack its value.
    return usage(reached(), fmt::format("option \"{}\" needs a value", printable(head_.back())));
  } catch (const CLI::Error& error) {
    return usage(reached(), printable(error.what()));
  }
  const auto path = reached();
  if (given(path, "--help")) return {Invocation::Kind::kHelp, path, "", ""};
  if (path.empty() && given(path, "--version")) return {Invocation::Kind::kVersion, path, "", ""};
  if (auto refused = refuse_unknown_options(path)) return *refused;
  const auto* command = tree_.find(path);
  if (command == nullptr || path.size() > 1) {
    Words above = path;
    if (command != nullptr) above.pop_back();
    const auto stray = levels_.at(above).app->remaining(false);
    if (!stray.empty()) return unknown_command(above, stray.front());
  }
  if (const auto stray = app_.remaining(false); !stray.empty()) return unknown_command({}, stray.front());
  if (command == nullptr)
    return usage(path, path.empty() ? "a command is required" : "a command is required after \"" + path.front() + "\"");
  if (auto refused = apply_options(*command)) return *refused;
  auto words = levels_.at(path).app->remaining(false);
  words.insert(words.end(), tail_.begin(), tail_.end());
  if (auto refused = apply_arguments(*command, std::move(words))) return *refused;
  return {Invocation::Kind::kCommand, path, "", ""};
}

}  // namespace

Invocation parse_command_line(const std::vector<std::string>& args, const CommandTree& tree) {
  return Parser(tree).parse(args);
}

}  // namespace heal::ctl
