#include "common/httpd/web_watcher.h"

#include <sys/stat.h>

namespace heal::httpd {

Result<std::unique_ptr<WebWatcher>> WebWatcher::create(std::string path, Logger logger, Check check, Gauge healthy) {
  std::unique_ptr<WebWatcher> watcher(new WebWatcher(std::move(path), std::move(logger), std::move(check), healthy));
  MutexLock lock(watcher->mutex_);
  watcher->state_ = std::make_shared<const WebState>();
  HEAL_TRY_STATUS(watcher->reload_locked(Cause::kAsked, watcher->check_));
  return watcher;
}

std::shared_ptr<const WebState> WebWatcher::get() {
  MutexLock lock(mutex_);
  if (path_.empty() || stamps(*state_) == stamps_) return state_;
  if (const auto status = reload_locked(Cause::kChanged, check_); !status.has_value()) {
    logger_.error("web configuration not reloaded, the old one stays in force", {{"err", status.error()}});
  } else {
    logger_.info("web configuration reloaded", {{"path", path_}});
  }
  return state_;
}

Status WebWatcher::reload(const Check& check) {
  MutexLock lock(mutex_);
  return reload_locked(Cause::kAsked, check);
}

WebWatcher::Stamp WebWatcher::stamp_of(const std::string& path) {
  struct stat info {};
  Stamp stamp;
  stamp.path = path;
  if (::stat(path.c_str(), &info) != 0) return stamp;
  stamp.inode = info.st_ino;
  stamp.size = info.st_size;
  stamp.mtime_ns = info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec;
  return stamp;
}

std::vector<WebWatcher::Stamp> WebWatcher::stamps(const WebState& state) const {
  std::vector<Stamp> all{stamp_of(path_)};
  if (!state.config.tls) return all;
  for (const auto& file : {state.config.tls->cert_file, state.config.tls->key_file, state.config.tls->client_ca_file}) {
    if (!file.empty()) all.push_back(stamp_of(file));
  }
  return all;
}

Result<std::shared_ptr<const WebState>> WebWatcher::load(const std::string& path) {
  auto state = std::make_shared<WebState>();
  HEAL_TRY(state->config, load_web_config(path));
  if (state->config.tls) {
    HEAL_TRY(state->tls, TlsContext::create(*state->config.tls).with_context("{}", path));
  }
  return std::shared_ptr<const WebState>(std::move(state));
}

Status WebWatcher::reload_locked(Cause cause, const Check& check) {
  Status status = take_locked(cause, check);
  healthy_.set(status.has_value() ? 1 : 0);
  return status;
}

Status WebWatcher::take_locked(Cause cause, const Check& check) {
  if (path_.empty()) return check ? check({}) : Status();
  stamps_ = stamps(*state_);  // taken first: a change while we read is seen the next time
  HEAL_TRY(auto loaded, load(path_));
  if (check) HEAL_TRY_STATUS(check(loaded->config).with_context("{}", path_));
  const std::string_view loss = weakened(state_->config, loaded->config);
  if (cause == Cause::kChanged && !loss.empty()) {
    return make_error(ErrorCode::kRefused, "{}: {}; if that is meant, reload (POST /-/reload or SIGHUP)", path_, loss);
  }
  state_ = std::move(loaded);
  stamps_ = stamps(*state_);
  return {};
}

}  // namespace heal::httpd
