#include <memory>
#include <utility>

#include "common/fault/held_fault.h"
#include "common/fault/kinds.h"

namespace heal::fault {
namespace {

using Type = ParamSpec::Type;

constexpr std::int64_t kMiB = 1 << 20;
constexpr std::int64_t kGiB = 1 << 30;

/// Told apart by what the holder is told; it keeps the bounds, where it can see what there is.
class ResourceFault : public HeldFault {
 public:
  using HeldFault::HeldFault;

  Status check_params(const Params& params) const override {
    if (kind() == "disk" && !text_of(params, "path").starts_with('/')) {
      return make_error(ErrorCode::kInvalid, "fault disk: path: expected an absolute path in the container, not \"{}\"",
                        text_of(params, "path"));
    }
    return {};
  }
};

ParamSpec whole(std::string_view name, std::string_view help, std::string_view fallback, std::int64_t most) {
  return {name, help, Type::kWhole, fallback, 1, most, {}, false};
}

ParamSpec size(std::string_view name, std::string_view help, std::int64_t most) {
  return {name, help, Type::kSize, "", kMiB, most, {}, false};
}

}  // namespace

std::vector<std::unique_ptr<const Fault>> make_resource_faults() {
  std::vector<std::unique_ptr<const Fault>> faults;
  const auto add = [&](std::string_view kind, std::string_view summary, std::vector<ParamSpec> params) {
    faults.push_back(std::make_unique<ResourceFault>(kind, summary, std::move(params)));
  };
  add("cpu", "busy processes in its control group, within its limit",
      {whole("cpus", "how many CPUs are kept busy; without a limit of its own at most all of the machine's but one",
             "1", 64)});
  add("memory", "memory taken in its control group, always below its limit",
      {whole("percent", "of its limit that is in use then, with what it uses itself", "90", 95),
       size("size", "that much instead; without a limit of its own 256MiB when not given", kGiB)});
  add("pids", "idle processes in its control group, up to its limit",
      {whole("count", "how many; when not given as many as its limit leaves, or 200 without a limit", "", 5000)});
  add("disk", "a file system of it filled by a file that has no name",
      {ParamSpec{"path",
                 "a folder in the container, on the file system that is filled",
                 Type::kText,
                 "/tmp",
                 0,
                 0,
                 {},
                 false},
       whole("leave_percent", "of the file system that stays free; never less than 10 and 1 GiB where it is no tmpfs",
             "5", 99),
       size("size", "at most that much; 256MiB when not given and it is no tmpfs", 64 * kGiB)});
  return faults;
}

}  // namespace heal::fault
