#include "common/cli/flags.h"

#include <iostream>
#include <list>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/base/text.h"
#include "heal_version.h"

namespace heal::cli {
namespace {

// The names of all flags of `app`, with their dashes.
std::vector<std::string> flag_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames())
      names.push_back("--" + name);
  }
  return names;
}

// What to say about the words that no flag took.
std::string unknown_words(const CLI::App& app, const std::vector<std::string>& words) {
  const std::string word = words.empty() ? "" : words.front();
  const std::string name = word.substr(0, word.find('='));
  if (!name.starts_with('-')) return fmt::format("unexpected argument \"{}\"", printable(word));
  std::string text = fmt::format("unknown flag {}", printable(name));
  if (const auto near = closest_match(name, flag_names(app))) text += fmt::format("; did you mean {}?", *near);
  return text;
}

// What stands for a flag's value in the help, from the last word of its name: --config.file FILE, --storage.path PATH.
std::string value_name(const std::string& name) {
  std::string word = name.substr(name.find_last_of(".-") + 1);
  for (char& c : word) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return word;
}

// `-h, --help`, or `    --config.file FILE`.
std::string help_column(const CLI::Option& option) {
  std::string text = option.get_snames().empty() ? "    " : "-" + option.get_snames().front() + ", ";
  if (!option.get_lnames().empty()) text += "--" + option.get_lnames().front();
  return option.get_items_expected_max() == 0 ? text : text + " " + option.get_type_name();
}

std::string help_text(const CLI::App& app) {
  std::string modes, flags;
  for (const auto* mode : app.get_subcommands([](const CLI::App*) { return true; })) {
    modes += fmt::format("  {:<34}  {}\n", mode->get_name(), mode->get_description());
  }
  for (const auto* option : app.get_options()) {
    std::string preset = option->get_items_expected_max() == 0 ? "" : option->get_default_str();
    if (preset.starts_with('[') && preset.ends_with(']')) preset = preset.substr(1, preset.size() - 2);
    flags += fmt::format("  {:<34}  {}{}\n", help_column(*option), option->get_description(),
                         preset.empty() ? "" : fmt::format(" (default {})", preset));
  }
  return fmt::format("{}\n\nUsage:\n  {} {}[flags]\n{}\nFlags:\n{}", app.get_description(), app.get_name(),
                     modes.empty() ? "" : "[MODE] ", modes.empty() ? "" : "\nModes:\n" + modes, flags);
}

// A name that CLI11 takes for a flag: one without dashes would be a positional argument to it.
std::string dashed(const std::string& name) {
  return name.starts_with("-") ? name : "--" + name;
}

}  // namespace

class FlagParser::Impl {
 public:
  Impl(std::string program, const std::string& description, ServiceFlags defaults, FlagSet set)
      : flags_(std::move(defaults)), program_(std::move(program)), app_(description, program_) {
    app_.set_help_flag("-h,--help", "show this help and end");
    app_.set_version_flag("--version", version_line(program_), "show the version and end");
    app_.formatter_fn([](const CLI::App* app, const std::string&, CLI::AppFormatMode) { return help_text(*app); });
    app_.option_defaults()->always_capture_default();
    if (set != FlagSet::kWithoutConfig) add_config_flags();
    if (set != FlagSet::kWithoutWeb) {
      add("--web.listen-address", flags_.listen_addresses,
          "where to serve: host:port, :port, [v6]:port or unix:/path (repeatable)")
          ->allow_extra_args(false);
    }
    if (set == FlagSet::kAll) {
      app_.add_flag("--web.systemd-socket", flags_.systemd_socket,
                    "serve on the sockets that systemd passes, in place of --web.listen-address");
      add("--web.config.file", flags_.web_config_file, "TLS and users, in exporter-toolkit's format");
    }
    add_parsed("--log.level", std::string(to_string(flags_.log_level)), "debug, info, warn or error",
               [this](const std::string& text) { return store(parse_log_level(text), flags_.log_level); });
    add_parsed("--log.format", flags_.log_format == LogFormat::kJson ? "json" : "logfmt", "logfmt or json",
               [this](const std::string& text) { return store(parse_log_format(text), flags_.log_format); });
  }

  void add_config_flags() {
    add("--config.file", flags_.config_file, "the configuration file");
    app_.add_flag("--config.check", flags_.config_check, "check the configuration and end: 0 good, 1 bad");
    app_.add_flag("--config.print", flags_.config_print, "show the configuration with all defaults and end");
  }

  template <typename T>
  CLI::Option* add(const std::string& name, T& target, const std::string& help) {
    return app_.add_option(dashed(name), target, help)->type_name(value_name(name));
  }

  // An option whose text `parse` turns into something; it returns what was wrong, "" for nothing.
  CLI::Option* add_parsed(const std::string& name, std::string default_text, const std::string& help,
                          std::function<std::string(const std::string&)> parse) {
    texts_.push_back(std::move(default_text));
    return add(name, texts_.back(), help)->each([parse = std::move(parse)](const std::string& text) {
      const std::string problem = parse(text);
      if (!problem.empty()) throw CLI::ValidationError(problem);  // CLI11 puts the flag's name before it
    });
  }

  template <typename T>
  static std::string store(Result<T> parsed, T& target) {
    if (!parsed.has_value()) return parsed.error().str();
    target = *parsed;
    return "";
  }

  std::optional<int> parse(int argc, const char* const* argv) {
    app_.allow_extras();
    try {
      app_.parse(argc, argv);
    } catch (const CLI::Success& success) {  // --help, --version
      app_.exit(success, std::cout, std::cerr);
      return 0;
    } catch (const CLI::ArgumentMismatch& error) {
      const std::string text = error.what();  // "--config.file: 1 required FILE missing"
      return usage_error(text.ends_with("missing") ? text.substr(0, text.find(':')) + " needs a value" : text);
    } catch (const CLI::ParseError& error) {
      return usage_error(error.what());
    }
    for (const auto* mode : modes_) {
      if (mode->parsed()) mode_ = mode->get_name();
    }
    const auto extra = app_.remaining(true);
    if (!extra.empty()) return usage_error(unknown_words(app_, extra));
    return std::nullopt;
  }

  int usage_error(const std::string& text) {
    std::cerr << program_ << ": " << text << "\nTry " << program_ << " --help\n";
    return 2;
  }

  ServiceFlags flags_;
  std::string mode_;
  std::string program_;
  CLI::App app_;
  std::list<std::string> texts_;  // what add_parsed() binds: stays where it is
  std::vector<CLI::App*> modes_;
};

FlagParser::FlagParser(std::string program, const std::string& description, ServiceFlags defaults, FlagSet set)
    : impl_(std::make_unique<Impl>(std::move(program), description, std::move(defaults), set)) {}
FlagParser::~FlagParser() = default;

void FlagParser::add_flag(const std::string& name, bool& target, const std::string& help) {
  impl_->app_.add_flag(dashed(name), target, help);
}

void FlagParser::add_option(const std::string& name, std::string& target, const std::string& help) {
  impl_->add(name, target, help);
}

void FlagParser::add_option(const std::string& name, std::vector<std::string>& target, const std::string& help) {
  impl_->add(name, target, help)->allow_extra_args(false);
}

void FlagParser::add_option(const std::string& name, std::int64_t& target, const std::string& help) {
  impl_->add(name, target, help)->type_name("N");
}

void FlagParser::add_duration(const std::string& name, Duration& target, const std::string& help) {
  impl_
      ->add_parsed(name, format_duration(target), help,
                   [&target](const std::string& text) { return Impl::store(parse_duration(text), target); })
      ->type_name("DURATION");
}

void FlagParser::add_mode(const std::string& word, const std::string& help) {
  auto* mode = impl_->app_.add_subcommand(word, help);
  mode->fallthrough();
  impl_->modes_.push_back(mode);
}

std::optional<int> FlagParser::parse(int argc, const char* const* argv) {
  return impl_->parse(argc, argv);
}

const ServiceFlags& FlagParser::flags() const {
  return impl_->flags_;
}

const std::string& FlagParser::mode() const {
  return impl_->mode_;
}

std::string version_line(const std::string& program) {
  return fmt::format("{}, version {} (revision: {})", program, kVersion, kRevision);
}

}  // namespace heal::cli
