#include "healctl/cli/completion.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace heal::ctl {
namespace {

/// For single quotes of a shell.
std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text)
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::vector<OptionSpec> options_of(const CommandTree& tree, const CommandSpec* command) {
  std::vector<OptionSpec> options = command == nullptr ? std::vector<OptionSpec>{} : command->options;
  options.insert(options.end(), tree.global_options.begin(), tree.global_options.end());
  options.push_back({.names = "-h,--help", .help = "show help"});
  return options;
}

std::string names_of(const std::vector<OptionSpec>& options) {
  std::string names;
  for (const auto& option : options)
    names += (names.empty() ? "" : " ") + option.long_name();
  return names;
}

/// Every path that has words after it or is a command: {} and groups first.
std::vector<std::vector<std::string>> paths_of(const CommandTree& tree) {
  std::vector<std::vector<std::string>> paths{{}};
  for (const auto& group : tree.groups)
    paths.push_back({group.name});
  for (const auto& command : tree.commands)
    paths.push_back(command.path);
  return paths;
}

std::string key_of(const std::vector<std::string>& path) {
  return fmt::format("{}", fmt::join(path, " "));
}

bool takes_files(const CommandSpec* command) {
  if (command == nullptr) return false;
  for (const auto& argument : command->arguments) {
    if (argument.completes == Completes::kFiles) return true;
  }
  return false;
}

std::string argument_choices(const CommandSpec* command) {
  if (command == nullptr || command->arguments.empty()) return "";
  return fmt::format("{}", fmt::join(command->arguments.front().choices, " "));
}

/// `case` arms that say, by path and option, what a value may be.
std::string value_arms(const CommandTree& tree, std::string_view reply, std::string_view files) {
  std::string arms;
  const auto add = [&](const std::string& path_pattern, const OptionSpec& option) {
    if (option.is_flag()) return;
    std::string patterns;
    for (const auto& name : option.all_names())
      patterns += (patterns.empty() ? "" : "|") + path_pattern + ":" + name;
    std::string action = ":";
    if (!option.choices.empty()) action = fmt::format("{} {}", reply, in_quotes(key_of(option.choices)));
    if (option.completes == Completes::kFiles) action = files;
    arms += fmt::format("    {}) {}; return ;;\n", patterns, action);
  };
  for (const auto& command : tree.commands) {
    for (const auto& option : command.options)
      add(in_quotes(command.name()), option);
  }
  for (const auto& option : tree.global_options)
    add("*", option);
  return arms;
}

/// `case` arms that say, by path, what words may follow.
std::string word_arms(const CommandTree& tree, std::string_view reply, std::string_view files) {
  std::string arms;
  for (const auto& path : paths_of(tree)) {
    const auto* command = tree.find(path);
    const auto words = command == nullptr ? key_of(tree.children(path)) : argument_choices(command);
    arms += fmt::format("    {}) if [[ $cur == -* ]]; then {} {}; else {}; fi ;;\n", in_quotes(key_of(path)), reply,
                        in_quotes(names_of(options_of(tree, command))),
                        takes_files(command) ? std::string(files) : fmt::format("{} {}", reply, in_quotes(words)));
  }
  return arms;
}

/// Words of `tree` that lead on, by path: "incidents" after nothing, "list" after "incidents".
std::string path_arms(const CommandTree& tree) {
  std::string arms;
  for (const auto& path : paths_of(tree)) {
    if (path.empty()) continue;
    const std::vector<std::string> parent(path.begin(), path.end() - 1);
    arms += (arms.empty() ? "" : "|") + in_quotes(key_of(parent) + ":" + path.back());
  }
  return arms;
}

/// The words that may follow `path`, with what they do.
std::vector<std::pair<std::string, std::string>> words_after(const CommandTree& tree,
                                                             const std::vector<std::string>& path) {
  std::vector<std::pair<std::string, std::string>> words;
  for (const auto& word : tree.children(path)) {
    auto whole = path;
    whole.push_back(word);
    const auto* command = tree.find(whole);
    const auto group =
        std::find_if(tree.groups.begin(), tree.groups.end(), [&](const auto& g) { return g.name == word; });
    words.emplace_back(word, command != nullptr ? command->summary : group->summary);
  }
  return words;
}

std::string fish_option(const OptionSpec& option) {
  std::string text;
  for (const auto& name : option.all_names()) {
    text += (text.empty() ? "" : " ") + (name.starts_with("--") ? "-l " + name.substr(2) : "-s " + name.substr(1));
  }
  if (option.is_flag()) return text;
  if (option.completes == Completes::kFiles) return text + " -r -F";
  return text + " -x" + (option.choices.empty() ? "" : " -a " + in_quotes(key_of(option.choices)));
}

/// The part that bash and zsh share: the words `before` the cursor lead to the command `at`. (`path` is zsh's own.)
constexpr std::string_view kPathLoop = R"(  local at='' word
  for word in "${{before[@]}}"; do
    case "$at:$word" in
      {}) at="${{at:+$at }}$word" ;;
    esac
  done
  case "$at:$prev" in
{}  esac
  case "$at" in
{}  esac
)";

}  // namespace

std::string bash_completion(const CommandTree& tree) {
  constexpr std::string_view kReply = "_healctl_reply";
  constexpr std::string_view kFiles = "_healctl_files";
  return fmt::format(
      "# bash completion for healctl: healctl completion bash > /etc/bash_completion.d/healctl\n"
      "_healctl_reply() {{ COMPREPLY=($(compgen -W \"$1\" -- \"$cur\")); }}\n"
      "_healctl_files() {{ local IFS=$'\\n'; COMPREPLY=($(compgen -f -- \"$cur\")); compopt -o filenames; }}\n"
      "_healctl() {{\n"
      "  local cur=\"${{COMP_WORDS[COMP_CWORD]}}\" prev=\"${{COMP_WORDS[COMP_CWORD-1]}}\"\n"
      "  local before=(\"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\")\n"
      "  COMPREPLY=()\n"
      "{}"
      "}}\n"
      "complete -F _healctl healctl\n",
      fmt::format(kPathLoop, path_arms(tree), value_arms(tree, kReply, kFiles), word_arms(tree, kReply, kFiles)));
}

std::string zsh_completion(const CommandTree& tree) {
  constexpr std::string_view kReply = "_healctl_reply";
  return fmt::format(
      "#compdef healctl\n"
      "# zsh completion for healctl: healctl completion zsh > \"${{fpath[1]}}/_healctl\"\n"
      "_healctl_reply() {{ compadd -- ${{=1}}; }}\n"
      "_healctl() {{\n"
      "  local cur=\"${{words[CURRENT]}}\" prev=\"${{words[CURRENT-1]}}\"\n"
      "  local before=(\"${{(@)words[2,CURRENT-1]}}\")\n"
      "{}"
      "}}\n"
      "if [[ ${{funcstack[1]}} == _healctl ]]; then _healctl \"$@\"; else compdef _healctl healctl; fi\n",
      fmt::format(kPathLoop, path_arms(tree), value_arms(tree, kReply, "_files"), word_arms(tree, kReply, "_files")));
}

std::string fish_completion(const CommandTree& tree) {
  std::string out =
      "# fish completion for healctl: healctl completion fish > ~/.config/fish/completions/healctl.fish\n"
      "function __healctl_at\n"
      "  set -l path\n"
      "  for word in (commandline -opc)[2..-1]\n"
      "    contains -- (string join -- ' ' $path $word) $__healctl_paths; and set path $path $word\n"
      "  end\n"
      "  test \"$path\" = \"$argv\"\n"
      "end\n";
  std::string known;
  for (const auto& path : paths_of(tree)) {
    if (!path.empty()) known += " " + in_quotes(key_of(path));
  }
  out += "set -g __healctl_paths" + known + "\ncomplete -c healctl -f\n";
  const auto add = [&](const std::string& where, const std::string& what, std::string_view help) {
    out += fmt::format("complete -c healctl{} {} -d {}\n", where, what, in_quotes(help));
  };
  for (const auto& option : options_of(tree, nullptr))
    add("", fish_option(option), option.help);
  for (const auto& path : paths_of(tree)) {
    const auto* command = tree.find(path);
    const auto here = " -n " + in_quotes("__healctl_at " + key_of(path));
    if (command == nullptr) {
      for (const auto& [word, help] : words_after(tree, path))
        add(here, "-a " + word, help);
      continue;
    }
    for (const auto& argument : command->arguments) {
      if (argument.completes == Completes::kFiles) add(here, "-F", argument.help);
      if (!argument.choices.empty()) add(here, "-a " + in_quotes(key_of(argument.choices)), argument.help);
    }
    for (const auto& option : command->options)
      add(here, fish_option(option), option.help);
  }
  return out;
}

}  // namespace heal::ctl
