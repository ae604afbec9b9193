#include "common/port/fault_holder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/model/container_modes.h"

namespace heal {
namespace {

using Task = HolderOrder::Task;

constexpr std::array<std::pair<Task, std::string_view>, 3> kTasks{
    {{Task::kHold, "hold"}, {Task::kProbe, "probe"}, {Task::kSweep, "sweep"}}};
constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::size_t kFixedArguments = 10;
constexpr std::size_t kMostSettings = 16;
constexpr std::size_t kLongestSetting = 1024;

/// Where a kind of fault lives, and so what its holder needs.
enum class Place { kNowhere, kControlGroups, kFiles, kNetwork };

Place place_of(std::string_view kind) {
  if (kind == kMarkKind) return Place::kNowhere;
  if (kind == "cpu" || kind == "memory" || kind == "pids") return Place::kControlGroups;
  return kind == "disk" ? Place::kFiles : Place::kNetwork;
}

std::string_view word_of(Task task) {
  for (const auto& [each, word] : kTasks) {
    if (each == task) return word;
  }
  return "hold";
}

std::optional<Task> task_of(std::string_view word) {
  for (const auto& [each, name] : kTasks) {
    if (name == word) return each;
  }
  return std::nullopt;
}

bool has_only(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

bool is_word(std::string_view text) {
  return text.size() <= 64 && has_only(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
}

Error wrong(std::string_view what) {
  return Error(ErrorCode::kInvalid, fmt::format("fault holder: {}", what));
}

/// `name=value`, sorted and once each, so that there is one way to write an order.
Status read_settings(const std::vector<std::string>& arguments, HolderOrder& out) {
  if (arguments.size() > kFixedArguments + kMostSettings) return wrong("too many settings");
  for (std::size_t i = kFixedArguments; i < arguments.size(); ++i) {
    const std::string& text = arguments[i];
    const auto equals = text.find('=');
    const bool is_good =
        equals != std::string::npos && text.size() <= kLongestSetting && is_word(text.substr(0, equals));
    if (!is_good) return wrong(fmt::format("expected a setting name=value, not \"{}\"", printable(text)));
    out.settings.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return {};
}

}  // namespace

bool has_marks_of_helper(const ContainerInfo& container) {
  return container.name.starts_with(kHelperPrefix) && label_value(container.labels, "heal.role") == kHelperRole;
}

bool breaks_network(const HolderOrder& order) {
  return order.task != Task::kSweep && place_of(order.kind) == Place::kNetwork;
}

std::string holder_name(const HolderOrder& order) {
  std::string name = fmt::format("{}{}", kHelperPrefix, order.lease);
  if (order.task != Task::kHold) name += fmt::format("-{}", word_of(order.task));
  return name;
}

ContainerSpec holder_spec(const std::string& image, const HolderOrder& order, const std::string& lease_text,
                          const std::vector<std::string>& program) {
  ContainerSpec spec;
  spec.name = holder_name(order);
  spec.image = image;
  spec.entrypoint = program;
  spec.command = {std::string(word_of(order.task)),
                  order.kind,
                  "--lease",
                  order.lease,
                  "--container",
                  order.container,
                  "--pid",
                  std::to_string(order.pid),
                  "--for",
                  fmt::format("{}ms", std::chrono::floor<std::chrono::milliseconds>(order.left).count())};
  for (const auto& [name, value] : order.settings)
    spec.command.push_back(fmt::format("{}={}", name, value));
  spec.labels = {{"heal.role", std::string(kHelperRole)}, {std::string(kLeaseLabel), lease_text}};
  spec.user = "0";
  // Its end, its words and its label are wanted.
  spec.auto_remove = false;
  switch (place_of(order.kind)) {
    case Place::kNowhere:
      break;
    case Place::kControlGroups:
      spec.pid_mode = kHostProcessesAndGroups;
      break;
    case Place::kFiles:
      spec.pid_mode = "host";
      spec.cap_add = {"SYS_PTRACE"};
      break;
    case Place::kNetwork:
      spec.cap_add = {"NET_ADMIN"};
      if (order.task != Task::kProbe) spec.network_mode = "container:" + order.container;
      // A network namespace outlives the container as long as the holder is in it: only the process tells of its end.
      if (order.task == Task::kHold) spec.pid_mode = "host";
      break;
  }
  return spec;
}

Result<HolderOrder> parse_holder_arguments(const std::vector<std::string>& arguments) {
  const bool has_flags = arguments.size() >= kFixedArguments && arguments[2] == "--lease" &&
                         arguments[4] == "--container" && arguments[6] == "--pid" && arguments[8] == "--for";
  if (!has_flags) return wrong("expected TASK KIND --lease ID --container ID --pid N --for TIME [NAME=VALUE]…");
  HolderOrder order;
  const auto task = task_of(arguments[0]);
  if (!task) return wrong(fmt::format("unknown task \"{}\"", printable(arguments[0])));
  order.task = *task;
  order.kind = arguments[1];
  order.lease = arguments[3];
  order.container = arguments[5];
  order.pid = parse_int(arguments[7]).value_or(0);
  HEAL_TRY(order.left, parse_duration(arguments[9]).with_context("fault holder"));
  if (!is_word(order.kind) || !is_word(order.lease)) return wrong("kind and lease are words");
  if (order.container.size() != 64 || !has_only(order.container, kHexDigits))
    return wrong("the container is no full id");
  if (order.pid <= 1 || order.left < 0s) return wrong("neither pid nor time can be so small");
  HEAL_TRY_STATUS(read_settings(arguments, order));
  return order;
}

}  // namespace heal
