#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/model/probe_failure.h"
#include "common/probe/decompressor.h"
#include "common/probe/module.h"

namespace heal::probe {

/// Takes a response body piece by piece: decompresses, limits, counts, and keeps what assertions need. Keeps at most
/// 64 MiB, so that a body without an end costs bandwidth until the deadline but no memory.
class BodyReader {
 public:
  enum class Keep { kNothing, kAll };
  BodyReader(const HttpSettings& settings, Keep keep);

  enum class Next { kContinue, kStop };
  Next take(std::string_view bytes);
  /// To be called when the transfer is complete.
  void finish();

  /// The bytes of the body after decompression, at most the limit.
  std::uint64_t size() const { return size_; }
  const std::string& kept() const { return kept_; }
  const std::optional<ProbeFailure>& failure() const { return failure_; }

 private:
  bool accept(std::string_view bytes);
  void fail(ProbeReason reason, std::string message);

  std::unique_ptr<Decompressor> decompressor_;
  const std::uint64_t limit_;
  const Keep keep_;
  std::uint64_t size_ = 0;
  std::string kept_;
  std::optional<ProbeFailure> failure_;
};

}  // namespace heal::probe
