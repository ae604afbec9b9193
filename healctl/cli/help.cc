#include "healctl/cli/help.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "healctl/output/text.h"

namespace heal::ctl {
namespace {

constexpr std::string_view kIntroduction =
    "Break, heal and look at services that promheal watches.\n\n"
    "Data goes to stdout, everything else to stderr. Colour only on a terminal, and never with NO_COLOR.";

constexpr std::pair<std::string_view, std::string_view> kExitCodes[] = {
    {"0", "done, or verified"},
    {"1", "failed, invalid or not found"},
    {"2", "wrong command line or healctl configuration"},
    {"3", "valid, but there are findings"},
    {"4", "refused by a guard"},
    {"5", "waiting for approval"},
    {"6", "outcome unknown"},
    {"7", "could not reach or find out"},
    {"8", "ran, and the problem persists"},
    {"130", "interrupted"},
};

using Rows = std::vector<std::pair<std::string, std::string>>;

/// Two columns; the second one wraps under itself.
std::string two_columns(const Rows& rows, std::size_t width) {
  std::size_t left = 0;
  for (const auto& [name, text] : rows)
    left = std::max(left, name.size());
  left = std::min<std::size_t>(left, 30);
  std::string out;
  for (const auto& [name, text] : rows) {
    const auto lines = wrap(text, width > left + 24 ? width - left - 4 : 20);
    std::string margin = fmt::format("  {:<{}}  ", name, left);
    if (name.size() > left) {
      out += "  " + name + "\n";
      margin = std::string(left + 4, ' ');
    }
    for (const auto& line : lines) {
      out += margin + line + "\n";
      margin = std::string(left + 4, ' ');
    }
  }
  return out;
}

std::string option_column(const OptionSpec& option) {
  const auto names = option.all_names();
  auto text = names.front().size() == 2 ? fmt::format("{}", fmt::join(names, ", ")) : "    " + option.names;
  return option.is_flag() ? text : text + " " + option.value;
}

std::string option_help(const OptionSpec& option) {
  auto text = option.help;
  if (!option.choices.empty()) text += fmt::format(": {}", fmt::join(option.choices, ", "));
  // The usage line shows it for arguments.
  if (!option.names.starts_with("-")) return text;
  if (option.occurs == Occurs::kRequired) text += " (required)";
  if (option.occurs == Occurs::kAtLeastOnce) text += " (required, repeatable)";
  if (option.occurs == Occurs::kRepeated) text += " (repeatable)";
  return text;
}

Rows rows_of(const std::vector<OptionSpec>& options) {
  Rows rows;
  for (const auto& option : options) {
    rows.emplace_back(option.names.starts_with("-") ? option_column(option) : option.names, option_help(option));
  }
  return rows;
}

std::string section(std::string_view title, const std::string& body) {
  return fmt::format("\n{}:\n{}", title, body);
}

std::string paragraphs(std::string_view text, std::size_t width) {
  std::string out;
  for (const auto paragraph : split(text, '\n')) {
    for (const auto& line : wrap(paragraph, width))
      out += line + "\n";
  }
  return out;
}

Rows global_rows(const CommandTree& tree, bool with_version) {
  Rows rows = rows_of(tree.global_options);
  rows.emplace_back("-h, --help", "show this help");
  if (with_version) rows.emplace_back("    --version", "show the version");
  return rows;
}

Rows command_rows(const CommandTree& tree, std::string_view group) {
  Rows rows;
  for (const auto& command : tree.commands) {
    if (group.empty() || command.path.front() == group) rows.emplace_back(command.name(), command.summary);
  }
  return rows;
}

std::string root_help(const CommandTree& tree, std::size_t width) {
  Rows codes;
  for (const auto& [code, meaning] : kExitCodes)
    codes.emplace_back(code, meaning);
  return paragraphs(kIntroduction, width) + section("Usage", "  " + usage_line(tree, {}) + "\n") +
         section("Commands", two_columns(command_rows(tree, ""), width)) +
         section("Options", two_columns(global_rows(tree, true), width)) +
         section("Exit codes", two_columns(codes, width)) +
         "\n\"healctl COMMAND --help\" says more and has an example.\n";
}

std::string command_help(const CommandTree& tree, const CommandSpec& command, std::size_t width) {
  std::string out = paragraphs(command.summary, width);
  if (!command.details.empty()) out += "\n" + paragraphs(command.details, width);
  out += section("Usage", "  " + usage_line(tree, command.path) + "\n");
  if (!command.arguments.empty()) out += section("Arguments", two_columns(rows_of(command.arguments), width));
  if (!command.options.empty()) out += section("Options", two_columns(rows_of(command.options), width));
  out += section("Global options", two_columns(global_rows(tree, false), width));
  std::string examples;
  for (const auto& example : command.examples)
    examples += "  " + example + "\n";
  return out + section(command.examples.size() > 1 ? "Examples" : "Example", examples);
}

}  // namespace

std::string usage_line(const CommandTree& tree, const std::vector<std::string>& path) {
  auto line = fmt::format("healctl{}{}", path.empty() ? "" : " ", fmt::join(path, " "));
  const auto* command = tree.find(path);
  if (command == nullptr) return line + " COMMAND [options]";
  for (const auto& argument : command->arguments) {
    const auto word = argument.is_repeated() ? argument.names + "…" : argument.names;
    line += argument.is_required() ? " " + word : " [" + word + "]";
  }
  for (const auto& option : command->options) {
    if (option.is_required()) line += fmt::format(" {} {}", option.long_name(), option.value);
  }
  return line + " [options]";
}

std::string help_text(const CommandTree& tree, const std::vector<std::string>& path, std::size_t width) {
  if (path.empty()) return root_help(tree, width);
  if (const auto* command = tree.find(path)) return command_help(tree, *command, width);
  std::string summary;
  for (const auto& group : tree.groups) {
    if (group.name == path.front()) summary = group.summary;
  }
  return paragraphs(summary, width) + section("Usage", "  " + usage_line(tree, path) + "\n") +
         section("Commands", two_columns(command_rows(tree, path.front()), width)) +
         section("Global options", two_columns(global_rows(tree, false), width));
}

}  // namespace heal::ctl
