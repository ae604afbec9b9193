#include "healctl/context.h"

#include <ostream>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/wire/json.h"
#include "healctl/output/document.h"
#include "healctl/output/text.h"

namespace heal::ctl {
namespace {

/// Whether a change that failed so may have been done all the same: it was sent, or may have been, and no answer says
/// what became of it.
bool may_be_done(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kProtocol:
    case ErrorCode::kTooLarge:
    case ErrorCode::kTimeout:
    case ErrorCode::kCancelled:
      return true;
    default:
      return false;
  }
}

Exit exit_of(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kRefused:
    case ErrorCode::kConflict:
      return Exit::kRefused;
    case ErrorCode::kUnreachable:
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kUnauthorized:
    case ErrorCode::kProtocol:
    case ErrorCode::kTooLarge:
    case ErrorCode::kInternal:
    case ErrorCode::kStorage:
      return Exit::kUnreachable;
    case ErrorCode::kCancelled:
      return Exit::kInterrupted;
    case ErrorCode::kInvalid:
    case ErrorCode::kNotFound:
      break;
  }
  return Exit::kFailed;
}

constexpr std::string_view kMayBeDone =
    "it may have been done all the same: look at \"healctl incidents list\" and \"healctl faults list\" before you try "
    "again";

constexpr std::string_view kMayBeDoneDirectly =
    "it may have been done all the same: look at \"healctl faults list --direct\" before you try again";

std::string_view hint_of(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kUnreachable:
    case ErrorCode::kUnavailable:
      return "is heal-webhook running there? \"healctl doctor\" looks; --server or HEALCTL_SERVER names another";
    case ErrorCode::kUnauthorized:
      return "give --user and --password-file, or set them in healctl's configuration";
    case ErrorCode::kProtocol:
      return "does --server name a heal-webhook?";
    case ErrorCode::kTimeout:
      return "--timeout gives it longer";
    default:
      return "";
  }
}

}  // namespace

Context::Context(const Ports& ports, Console& console, const Environment& environment, Settings settings,
                 std::stop_token stop)
    : ports_(ports),
      console_(console),
      environment_(environment),
      settings_(std::move(settings)),
      stop_(std::move(stop)),
      out_colour_(colour_for(console.out_width, environment)),
      err_colour_(colour_for(console.err_width, environment)),
      service_(ports.http, ports.clock, settings_, stop_) {}

void Context::use_keeper(const std::string& folder) {
  settings_.keeper_folder = folder;
  settings_.server = "http://keeper";
  settings_.username.reset();
  settings_.password.clear();
  settings_.ca_file.reset();
}

void Context::print_document(const Json& document) {
  console_.out << (settings_.output == OutputFormat::kYaml ? to_yaml(document) : dump_pretty(document) + "\n");
}

void Context::print(const Table& table) {
  console_.out << table.render(console_.out_width, out_colour_);
}

void Context::print(std::string_view text) {
  console_.out << text;
}

void Context::show_progress(std::string_view text) {
  if (console_.err_width == 0) return;
  console_.err << "\r\x1b[K" << fit(safe_text(text), console_.err_width - 1) << std::flush;
  has_progress_ = true;
}

void Context::clear_progress() {
  if (std::exchange(has_progress_, false)) console_.err << "\r\x1b[K" << std::flush;
}

void Context::say(std::string_view text) {
  clear_progress();
  console_.err << safe_text(text) << '\n' << std::flush;
}

void Context::complain(std::string_view message, std::string_view hint) {
  clear_progress();
  console_.err << "healctl: " << toned("error:", Tone::kBad, err_colour_) << ' ' << safe_text(message) << '\n';
  if (!hint.empty()) console_.err << "hint: " << hint << '\n';
  console_.err << std::flush;
}

std::string Context::hint_for(const Error& error) const {
  if (!is_direct()) return std::string(hint_of(error));
  switch (error.code()) {
    case ErrorCode::kUnreachable:
    case ErrorCode::kUnavailable:
    case ErrorCode::kProtocol:
    case ErrorCode::kInternal:
      return service_.was_answered() ? "" : "the keeper's log is " + keeper_log(settings_.keeper_folder);
    case ErrorCode::kTimeout:
      return std::string(hint_of(error));
    default:
      return "";
  }
}

std::string_view Context::may_be_done_hint() const {
  return is_direct() ? kMayBeDoneDirectly : kMayBeDone;
}

Exit Context::fail(const Error& error, Purpose purpose) {
  const bool is_open = purpose == Purpose::kChange && !service_.was_answered() && may_be_done(error);
  if (is_open) {
    complain(error.str(), may_be_done_hint());
    return error.code() == ErrorCode::kCancelled ? Exit::kInterrupted : Exit::kUnknown;
  }
  // The service itself may say of a change that its outcome is unknown.
  const bool is_unknown = purpose == Purpose::kChange && error.code() == ErrorCode::kTimeout;
  if (error.code() != ErrorCode::kCancelled) {
    complain(error.str(), is_unknown ? std::string(may_be_done_hint()) : hint_for(error));
  }
  return is_unknown ? Exit::kUnknown : exit_of(error);
}

Colour colour_for(std::size_t width, const Environment& environment) {
  const auto no_colour = environment.find("NO_COLOR");
  if (width == 0 || (no_colour != environment.end() && !no_colour->second.empty())) return Colour::kOff;
  const auto terminal = environment.find("TERM");
  return terminal != environment.end() && terminal->second == "dumb" ? Colour::kOff : Colour::kOn;
}

std::string age_text(Duration age) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(age).count();
  const auto minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (minutes < 60) return fmt::format("{}m{:02}s", minutes, seconds % 60);
  if (hours < 48) return fmt::format("{}h{:02}m", hours, minutes % 60);
  return fmt::format("{}d{:02}h", days, hours % 24);
}

std::string relative_time(WallTime time, WallTime now) {
  return time > now ? "in " + age_text(time - now) : age_text(now - time) + " ago";
}

std::string short_utc(WallTime time) {
  // Cut, not rounded: a table must not show a moment before it came.
  return format_rfc3339_nano(std::chrono::floor<std::chrono::seconds>(time));
}

}  // namespace heal::ctl
