#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"

namespace heal::ctl {

/// Takes one value from the command line; the Error says what was expected, without naming the option.
using Setter = std::function<Status(const std::string& value)>;

/// How often an option or argument may be given.
enum class Occurs { kOptional, kRequired, kRepeated, kAtLeastOnce };
/// What a shell offers as its value when there are no choices.
enum class Completes { kNothing, kFiles };

/// One option (`names` = "-o,--output") or one positional argument (`names` = "TARGET").
struct OptionSpec {
  std::string names{};
  std::string value{};                 ///< what stands for the value in the help, "URL"; "" for a flag
  std::string help{};                  ///< one line, no full stop
  std::vector<std::string> choices{};  ///< when not empty, nothing else is accepted
  Occurs occurs = Occurs::kOptional;
  Completes completes = Completes::kNothing;
  Setter set{};

  bool is_flag() const { return value.empty(); }
  bool is_repeated() const { return occurs == Occurs::kRepeated || occurs == Occurs::kAtLeastOnce; }
  bool is_required() const { return occurs == Occurs::kRequired || occurs == Occurs::kAtLeastOnce; }
  /// The names apart: {"-o", "--output"}.
  std::vector<std::string> all_names() const;
  /// The longest name, for messages.
  std::string long_name() const;
};

/// One command as a user sees it; parsing, help and shell completion are all made from it.
struct CommandSpec {
  std::vector<std::string> path{};  ///< {"incidents", "list"}
  std::string summary{};            ///< one imperative sentence with its full stop
  std::string details{};            ///< paragraphs under the summary; may be empty
  std::vector<OptionSpec> arguments{};
  std::vector<OptionSpec> options{};
  std::vector<std::string> examples{};  ///< lines that work when pasted

  std::string name() const;  ///< "incidents list"
};

/// A word that only leads to commands: `incidents`.
struct GroupSpec {
  std::string name{};
  std::string summary{};
};

/// Everything that the command line understands.
struct CommandTree {
  std::vector<OptionSpec> global_options{};
  std::vector<GroupSpec> groups{};
  std::vector<CommandSpec> commands{};

  const CommandSpec* find(const std::vector<std::string>& path) const;  ///< nullptr when there is none
  /// The words that may follow `path`, in the order of the tree.
  std::vector<std::string> children(const std::vector<std::string>& path) const;
};

/// Setters that store into a variable, which must outlive the parsing.
Setter into(std::string& target);
Setter into(std::vector<std::string>& target);
Setter into(bool& target);                     ///< for flags
Setter into(std::optional<Duration>& target);  ///< `30s`; not negative
Setter into(std::size_t& target);              ///< a whole number from 1

}  // namespace heal::ctl
