#include "exporter/process_search.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/text.h"

namespace heal::exporter {
namespace {

constexpr std::size_t kNameBytes = 15;  // of a process's name the kernel keeps no more

/// What can be told without reading what it runs.
bool may_fit(const ProcessMatcher& matcher, const SeenProcess& process) {
  return matcher.name.empty() || process.name == std::string_view(matcher.name).substr(0, kNameBytes);
}

std::string_view file_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

/// Of a process whose program may not be seen: its name or its first argument is that of the program.
bool goes_by(const SeenProcess& process, const SeenProgram& program, std::string_view exe) {
  const std::string_view wanted = file_name(exe);
  const std::string_view cmdline = program.cmdline;
  return process.name == wanted.substr(0, kNameBytes) || file_name(cmdline.substr(0, cmdline.find(' '))) == wanted;
}

}  // namespace

ProcessSearch::ProcessSearch(std::vector<ProcessMatcher> matchers, std::shared_ptr<HostReader> reader)
    : matchers_(std::move(matchers)), reader_(std::move(reader)), tallies_(matchers_.size()) {}

Result<std::vector<FoundProcesses>> ProcessSearch::look(const std::stop_token& stop) {
  HEAL_TRY(const std::vector<SeenProcess> processes, reader_->processes(stop));
  ++looks_;
  std::vector<std::int64_t> pids;  // by matcher; 0: there is none
  std::vector<bool> hidden;        // by matcher: there may be some that we may not see
  for (const ProcessMatcher& matcher : matchers_) {
    const Result<std::int64_t> pid =
        matcher.pid_file.empty() ? Result<std::int64_t>(0) : reader_->pid_in(matcher.pid_file);
    pids.push_back(pid.value_or(0));
    hidden.push_back(!pid.has_value() && pid.error().code() != ErrorCode::kNotFound);
  }
  std::vector<std::vector<SeenProcess>> found(matchers_.size());
  std::set<std::int64_t> present;
  for (const SeenProcess& process : processes) {
    if (stop.stop_requested()) break;
    present.insert(process.pid);
    HEAL_TRY(const std::vector<Fit> fitting, examine(process));
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (!matchers_[i].pid_file.empty() && pids[i] != process.pid) continue;
      if (fitting[i] == Fit::kYes) found[i].push_back(process);
      if (fitting[i] == Fit::kHidden) hidden[i] = true;
    }
  }
  std::erase_if(examined_, [&](const auto& entry) { return !present.contains(entry.first); });
  std::vector<FoundProcesses> shown;
  for (std::size_t i = 0; i < found.size(); ++i) {
    tallies_[i].look(found[i]);
    shown.push_back({!found[i].empty() || !hidden[i], tallies_[i].counts(), open_fds_of(found[i])});
  }
  return shown;
}

Result<std::vector<ProcessSearch::Fit>> ProcessSearch::examine(const SeenProcess& process) {
  if (process.is_hidden) return std::vector<Fit>(matchers_.size(), Fit::kHidden);
  // Not all at the same look: the pid says at which one.
  const bool is_turn = (looks_ + static_cast<std::uint64_t>(process.pid)) % kLooksKept == 0;
  const auto known = examined_.find(process.pid);
  const bool is_known =
      known != examined_.end() && known->second.started == process.started && known->second.name == process.name;
  if (is_known && !is_turn) return known->second.fits;
  Result<std::vector<Fit>> fits = fits_of(process);
  if (fits.has_value()) {
    examined_[process.pid] = {process.started, process.name, *fits};
    return fits;
  }
  // What could not be read is read again at the next look.
  examined_.erase(process.pid);
  const ErrorCode code = fits.error().code();
  if (code != ErrorCode::kNotFound && code != ErrorCode::kUnauthorized) return fits;
  std::vector<Fit> out;
  for (const ProcessMatcher& matcher : matchers_) {
    // One that has ended meanwhile is nobody's.
    const bool is_hidden = code == ErrorCode::kUnauthorized && may_fit(matcher, process);
    out.push_back(is_hidden ? Fit::kHidden : Fit::kNo);
  }
  return out;
}

Result<std::vector<ProcessSearch::Fit>> ProcessSearch::fits_of(const SeenProcess& process) {
  std::optional<SeenProgram> program;
  std::vector<Fit> out;
  for (const ProcessMatcher& matcher : matchers_) {
    if (!may_fit(matcher, process)) {
      out.push_back(Fit::kNo);
      continue;
    }
    if (!program) {
      HEAL_TRY(program, reader_->program(process));
    }
    out.push_back(fit_of(matcher, process, *program));
  }
  return out;
}

std::optional<std::uint64_t> ProcessSearch::open_fds_of(const std::vector<SeenProcess>& processes) {
  std::uint64_t sum = 0;
  for (const SeenProcess& process : processes) {
    const Result<std::uint64_t> open = reader_->open_fds(process);
    if (open.has_value()) {
      sum += *open;
    } else if (open.error().code() != ErrorCode::kNotFound) {
      // A sum of some would be a number of nothing.
      return std::nullopt;
    }
  }
  return sum;
}

ProcessSearch::Fit ProcessSearch::fit_of(const ProcessMatcher& matcher, const SeenProcess& process,
                                         const SeenProgram& program) {
  if (matcher.in_containers == InContainers::kExclude && program.is_contained) return Fit::kNo;
  if (matcher.cmdline && !matcher.cmdline->search(to_valid_utf8(program.cmdline))) return Fit::kNo;
  if (matcher.exe.empty()) return Fit::kYes;
  if (!program.exe) return goes_by(process, program, matcher.exe) ? Fit::kHidden : Fit::kNo;
  return *program.exe == matcher.exe ? Fit::kYes : Fit::kNo;
}

}  // namespace heal::exporter
