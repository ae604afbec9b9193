#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/base/shared_text.h"
#include "common/probe/http_request.h"
#include "common/probe/module.h"

namespace heal::probe {

// What an http module keeps in files and is read anew for every probe. Relative names are relative to the working
// directory, as blackbox_exporter's are.

/// The Authorization value of a module's credentials; "" for none.
Result<std::string> authorization_of(const Credentials& credentials);
/// What is read for `body_file`: probes that send the same hold one copy of it between them. Thread-safe.
class BodyFiles {
 public:
  /// `most_bytes`: of all contents together that probes hold.
  explicit BodyFiles(std::size_t most_bytes = std::size_t{128} << 20) : most_bytes_(most_bytes) {}

  /// A request's body, as the file now is: at most 16 MiB; an empty file is an empty body. kUnavailable when there is
  /// no room for it until other probes have ended.
  Result<SharedText> read(const std::string& path) HEAL_EXCLUDES(mutex_);

 private:
  const std::size_t most_bytes_;
  Mutex mutex_;
  std::vector<std::weak_ptr<const std::string>> held_ HEAL_GUARDED_BY(mutex_);  ///< different contents
};

/// The values of `http_headers` that are no secrets.
HeaderList injected_values(const std::vector<InjectedHeader>& headers);
/// Its secrets, and what its files hold without the white space around it.
Result<HeaderList> own_injected_headers(const std::vector<InjectedHeader>& headers);

}  // namespace heal::probe
