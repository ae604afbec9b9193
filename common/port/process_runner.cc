#include "common/port/process_runner.h"

namespace heal {
namespace {

bool has_nul(const std::string& text) {
  return text.find('\0') != std::string::npos;
}

Error invalid(std::string_view reason) {
  return make_error(ErrorCode::kInvalid, "cannot run a program: {}", reason);
}

}  // namespace

Status check_process_spec(const ProcessSpec& spec) {
  if (spec.argv.empty()) return invalid("argv is empty");
  if (spec.argv[0].empty() || spec.argv[0][0] != '/') return invalid("argv[0] is not an absolute path");
  for (const std::string& argument : spec.argv) {
    if (has_nul(argument)) return invalid("an argument has a NUL byte");
  }
  for (const auto& [name, value] : spec.environment) {
    if (name.empty() || name.find('=') != std::string::npos) return invalid("a variable's name is empty or has a =");
    if (has_nul(name) || has_nul(value)) return invalid("a variable has a NUL byte");
  }
  const std::string& folder = spec.working_directory;
  if (folder.empty() || folder[0] != '/') return invalid("the working directory is not an absolute path");
  if (has_nul(folder)) return invalid("the working directory has a NUL byte");
  return {};
}

}  // namespace heal
