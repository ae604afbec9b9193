#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "common/probe/module.h"

namespace heal::probe {

/// Undoes a body's compression piece by piece; memory does not grow with the body. Not thread-safe.
class Decompressor {
 public:
  /// Gets decompressed bytes; false stops.
  using Output = std::function<bool(std::string_view)>;

  virtual ~Decompressor() = default;
  enum class State {
    kMore,       ///< wants more
    kStopped,    ///< the output said stop
    kBad,        ///< not such data
    kBadHeader,  ///< not such data, seen before anything could be decompressed
  };
  virtual State feed(std::string_view bytes, const Output& output) = 0;
  /// True when the data so far is complete.
  virtual bool is_complete() const = 0;

  /// nullptr for kNone, kIdentity and kUnknown.
  static std::unique_ptr<Decompressor> create(Compression compression);
};

}  // namespace heal::probe
