#include "exporter/target_files.h"

#include <algorithm>
#include <cerrno>
#include <set>
#include <sys/stat.h>
#include <tuple>

#include "common/config/file.h"
#include "exporter/config.h"

namespace heal::exporter {
namespace {

constexpr Duration kLookInterval = 1s;
constexpr std::size_t kMostFiles = 10'000;

}  // namespace

TargetFiles::~TargetFiles() {
  stop();
}

void TargetFiles::start(std::function<Status()> changed) {
  thread_ = std::jthread([this, changed = std::move(changed)](const std::stop_token& stop) {
    bool is_news = false;
    while (clock_.sleep_for(kLookInterval, stop) == Clock::Wake::kReached) {
      is_news = look() || is_news;
      if (is_news && changed().has_value()) is_news = false;
    }
  });
}

void TargetFiles::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void TargetFiles::watch(Patterns patterns) {
  MutexLock lock(look_mutex_);
  auto next = std::make_shared<State>(*state_.get());
  next->patterns = std::move(patterns);
  look_at_all(*next, Extent::kNew);
  state_.set(std::move(next));
}

bool TargetFiles::look() {
  MutexLock lock(look_mutex_);
  auto next = std::make_shared<State>(*state_.get());
  const bool has_changed = look_at_all(*next, Extent::kAll);
  state_.set(std::move(next));
  return has_changed;
}

Result<std::optional<TargetFiles::Stamp>> TargetFiles::stamp_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<Stamp>();
    return errno_error(errno, path);
  }
  const auto nanoseconds = [](const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; };
  return std::optional(Stamp{static_cast<std::int64_t>(info.st_dev), static_cast<std::int64_t>(info.st_ino),
                             info.st_size, nanoseconds(info.st_mtim), nanoseconds(info.st_ctim)});
}

std::vector<std::string> TargetFiles::wanted(const State& state) {
  std::set<std::string> patterns;
  for (const auto& [probe, list] : state.patterns)
    patterns.insert(list.begin(), list.end());
  return {patterns.begin(), patterns.end()};
}

std::vector<std::string> TargetFiles::paths_of(const std::string& pattern, const State& state, Extent extent) {
  const auto before = state.paths.find(pattern);
  if (before != state.paths.end() && extent == Extent::kNew) return before->second;
  // A path that is not there is a file that is missing, not an error of the pattern.
  std::vector<std::string> paths = config::expand_paths({pattern}, "").value_or(std::vector<std::string>{pattern});
  if (before == state.paths.end()) return paths;
  // One that is not found is kept until it is missing for good: its folder may be one that cannot be listed now.
  for (const std::string& path : before->second) {
    const auto file = state.files.find(path);
    const bool may_be_kept = path != pattern && file != state.files.end() && file->second.missing < 1;
    if (may_be_kept && std::find(paths.begin(), paths.end(), path) == paths.end()) paths.push_back(path);
  }
  return paths;
}

bool TargetFiles::look_at_all(State& state, Extent extent) const {
  std::map<std::string, std::vector<std::string>> found;
  for (const std::string& pattern : wanted(state)) {
    std::vector<std::string> paths = paths_of(pattern, state, extent);
    if (paths.size() > kMostFiles) paths.resize(kMostFiles);
    found.emplace(pattern, std::move(paths));
  }
  state.paths = std::move(found);
  std::set<std::string> seen;
  bool has_changed = false;
  for (const auto& [pattern, paths] : state.paths) {
    for (const std::string& path : paths) {
      if (!seen.insert(path).second) continue;
      const auto [file, is_new] = state.files.try_emplace(path);
      if (extent == Extent::kNew && !is_new) continue;
      has_changed = look_at(path, file->second, state) || has_changed;
    }
  }
  for (auto it = state.files.begin(); it != state.files.end();) {
    const bool is_gone = seen.count(it->first) == 0;
    has_changed = has_changed || (is_gone && !it->second.targets->empty());
    it = is_gone ? state.files.erase(it) : std::next(it);
  }
  return has_changed;
}

bool TargetFiles::look_at(const std::string& path, File& file, const State& state) const {
  const Result<std::optional<Stamp>> stamp = stamp_of(path);
  if (!stamp.has_value() || !*stamp) {
    // When it is there again it is read again, whatever its stamp.
    file.seen.reset();
    file.read.reset();
    file.missing = stamp.has_value() ? file.missing + 1 : 0;
    fail(path, file, stamp.has_value() ? make_error(ErrorCode::kNotFound, "{}: no such file", path) : stamp.error());
    if (file.missing < 2 || file.targets->empty()) return false;
    file.targets = std::make_shared<const std::vector<FoundTarget>>();
    return true;
  }
  const bool is_settled = !file.was_read || *stamp == file.seen;  // the first read waits for nothing
  file.seen = *stamp;
  file.missing = 0;
  if (!is_settled || file.read == *stamp) return false;
  return read(path, file, state);
}

bool TargetFiles::read(const std::string& path, File& file, const State& state) const {
  const Result<std::string> text = config::read_text_file(path, kMostTargetFileBytes);
  if (!text.has_value()) {
    fail(path, file, text.error());
    return false;
  }
  file.read = file.seen;
  file.was_read = true;
  Result<std::vector<FoundTarget>> targets = parse_target_file(path, *text);
  if (!targets.has_value()) {
    fail(path, file, targets.error());
    return false;
  }
  std::size_t all = targets->size();
  for (const auto& [other_path, other] : state.files)
    all += other_path == path ? 0 : other.targets->size();
  if (all > kMostSeries) {
    fail(path, file,
         make_error(ErrorCode::kTooLarge,
                    "{}: with its {} targets there are more than the {} that one exporter schedules", path,
                    targets->size(), kMostSeries));
    return false;
  }
  const bool has_changed = *targets != *file.targets;
  file.targets = std::make_shared<const std::vector<FoundTarget>>(*std::move(targets));
  file.is_good = true;
  file.last_good = clock_.now();
  file.complaint.clear();
  if (has_changed) logger_.info("targets read", {{"path", path}, {"targets", file.targets->size()}});
  return has_changed;
}

void TargetFiles::fail(const std::string& path, File& file, const Error& error) const {
  file.is_good = false;
  if (file.complaint == error.str()) return;
  file.complaint = error.str();
  if (file.missing > 0) {
    logger_.warn("target file is missing, its targets go when it stays so", {{"path", path}});
    return;
  }
  logger_.error("target file cannot be used, its last good targets stay",
                {{"path", path}, {"targets", file.targets->size()}, {"err", error}});
}

FoundTargets TargetFiles::targets() const {
  const std::shared_ptr<const State> state = state_.get();
  FoundTargets out;
  for (const auto& [probe, patterns] : state->patterns) {
    std::set<std::string> taken;
    for (const std::string& pattern : patterns) {
      for (const std::string& path : state->paths.at(pattern)) {
        if (!taken.insert(path).second) continue;
        const std::vector<FoundTarget>& more = *state->files.at(path).targets;
        out[probe].insert(out[probe].end(), more.begin(), more.end());
      }
    }
  }
  return out;
}

void TargetFiles::write(ExpositionWriter& out) const {
  const std::shared_ptr<const State> state = state_.get();
  if (state->files.empty()) return;
  using Family = double (*)(const File&);
  const std::tuple<std::string_view, std::string_view, Family> families[] = {
      {"heal_exporter_target_file_good", "1 when a file of file_sd could be read when it last changed.",
       [](const File& file) { return file.is_good ? 1.0 : 0.0; }},
      {"heal_exporter_target_file_targets", "Targets in force from a file of file_sd.",
       [](const File& file) { return static_cast<double>(file.targets->size()); }},
      {"heal_exporter_target_file_last_good_timestamp_seconds", "When a file of file_sd was last read and good.",
       [](const File& file) { return to_unix_seconds(file.last_good); }},
  };
  for (const auto& [name, help, value] : families) {
    out.family(name, MetricType::kGauge, help);
    for (const auto& [path, file] : state->files)
      out.sample(name, value(file), {{"path", path}});
  }
}

}  // namespace heal::exporter
