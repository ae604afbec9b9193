#include "common/config/file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "common/base/scoped_fd.h"
#include "common/base/text.h"

namespace heal::config {
namespace {

namespace fs = std::filesystem;

bool is_yaml(const fs::path& path) {
  return path.extension() == ".yml" || path.extension() == ".yaml";
}

bool is_glob(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}

/// Names in `folder` that `accept` takes, sorted; none when it cannot be read.
template <typename Accept>
std::vector<std::string> list_folder(const fs::path& folder, const Accept& accept) {
  std::vector<std::string> out;
  std::error_code problem;
  for (fs::directory_iterator it(folder.empty() ? "." : folder, problem), end; !problem && it != end;
       it.increment(problem)) {
    if (accept(it->path())) out.push_back((folder / it->path().filename()).string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// All paths that the parts of `pattern` match, part by part.
std::vector<std::string> expand_glob(const fs::path& pattern) {
  std::vector<std::string> found{pattern.is_absolute() ? "/" : ""};
  for (const auto& part : pattern.relative_path()) {
    std::vector<std::string> next;
    for (const auto& folder : found) {
      if (!is_glob(part.string())) {
        next.push_back((fs::path(folder) / part).string());
        continue;
      }
      const auto matches = list_folder(folder, [&](const fs::path& path) {
        return fnmatch(part.c_str(), path.filename().c_str(), FNM_PERIOD) == 0;
      });
      next.insert(next.end(), matches.begin(), matches.end());
    }
    found = std::move(next);
  }
  // A link that leads nowhere is kept: whoever reads it says so.
  std::error_code ignored;
  const auto is_nothing = [&](const std::string& path) {
    return fs::is_directory(path, ignored) || !fs::exists(fs::symlink_status(path, ignored));
  };
  found.erase(std::remove_if(found.begin(), found.end(), is_nothing), found.end());
  return found;
}

Result<std::vector<std::string>> expand_one(const std::string& pattern) {
  std::error_code problem;
  const auto status = fs::status(pattern, problem);
  if (fs::is_directory(status)) return list_folder(pattern, is_yaml);
  if (is_glob(pattern) && !fs::exists(status)) return expand_glob(pattern);
  if (!fs::exists(fs::symlink_status(pattern, problem)))
    return make_error(ErrorCode::kNotFound, "{}: no such file or folder", pattern);
  return std::vector<std::string>{pattern};
}

}  // namespace

Result<std::string> read_text_file(const std::string& path, std::size_t max_bytes) {
  const ScopedFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return errno_error(errno, path);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return errno_error(errno, path);
  if (S_ISDIR(info.st_mode)) return make_error(ErrorCode::kInvalid, "{}: is a folder (expected a file)", path);
  if (!S_ISREG(info.st_mode)) return make_error(ErrorCode::kInvalid, "{}: is not a regular file", path);
  std::string out;
  std::vector<char> buffer(64 << 10);
  while (true) {
    const auto count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error(errno, path);
    if (count == 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(count));
    if (out.size() > max_bytes) return make_error(ErrorCode::kTooLarge, "{}: larger than {} bytes", path, max_bytes);
  }
}

std::string folder_of(const std::string& path) {
  const auto folder = fs::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

std::string resolve_path(const std::string& path, const std::string& base) {
  const bool stays = path.empty() || path[0] == '/' || base.empty() || base == ".";
  return stays ? path : (fs::path(base) / path).string();
}

Result<std::vector<std::string>> expand_paths(const std::vector<std::string>& patterns, const std::string& base) {
  std::vector<std::string> out;
  for (const auto& pattern : patterns) {
    HEAL_TRY(const auto found, expand_one(resolve_path(pattern, base)));
    for (const auto& path : found) {
      if (std::find(out.begin(), out.end(), path) == out.end()) out.push_back(path);
    }
  }
  return out;
}

Result<std::string> load_secret(const Secret& secret, const std::string& base) {
  constexpr std::size_t kLargest = 64 << 10;
  if (secret.file.empty()) {
    if (secret.value.empty()) return Error(ErrorCode::kInvalid, "no secret is given");
    return secret.value;
  }
  HEAL_TRY(auto text, read_text_file(resolve_path(secret.file, base), kLargest));
  text = trim(text);
  if (text.empty()) return make_error(ErrorCode::kInvalid, "{}: is empty (expected a secret)", secret.file);
  return text;
}

}  // namespace heal::config
