#include "common/probe/body_reader.h"

#include <algorithm>

#include <fmt/format.h>

namespace heal::probe {
namespace {

constexpr std::size_t kMaxKept = 64 << 20;
constexpr std::size_t kHeaderRead = 4096;

}  // namespace

BodyReader::BodyReader(const HttpSettings& settings, Keep keep) : limit_(settings.body_size_limit), keep_(keep) {
  const Compression compression = compression_of(settings.compression);
  decompressor_ = Decompressor::create(compression);
  if (compression == Compression::kUnknown) {
    fail(ProbeReason::kCompression, fmt::format("unsupported compression algorithm \"{}\"", settings.compression));
  }
}

void BodyReader::fail(ProbeReason reason, std::string message) {
  if (!failure_) failure_ = ProbeFailure{ProbePhase::kBody, reason, std::move(message)};
}

BodyReader::Next BodyReader::take(std::string_view bytes) {
  if (!decompressor_) return accept(bytes) ? Next::kContinue : Next::kStop;
  switch (decompressor_->feed(bytes, [this](std::string_view plain) { return accept(plain); })) {
    case Decompressor::State::kMore:
      return Next::kContinue;
    case Decompressor::State::kStopped:
      return Next::kStop;
    case Decompressor::State::kBad:
      fail(ProbeReason::kCompression, "the body cannot be decompressed");
      return Next::kStop;
    case Decompressor::State::kBadHeader:
      // As the reference does: the probe has failed, and what is left behind its first read is counted as it comes.
      fail(ProbeReason::kCompression, "the body does not begin as compressed data does");
      decompressor_.reset();
      bytes.remove_prefix(std::min(bytes.size(), kHeaderRead));
      return accept(bytes) ? Next::kContinue : Next::kStop;
  }
  return Next::kStop;
}

void BodyReader::finish() {
  if (decompressor_ && !decompressor_->is_complete())
    fail(ProbeReason::kCompression, "the compressed body is cut short");
}

bool BodyReader::accept(std::string_view bytes) {
  const bool over = limit_ > 0 && size_ + bytes.size() > limit_;
  if (over) {
    bytes = bytes.substr(0, limit_ - size_);
    fail(ProbeReason::kTooLarge, fmt::format("the body is over body_size_limit, {} bytes", limit_));
  }
  size_ += bytes.size();
  if (keep_ == Keep::kAll) {
    if (kept_.size() + bytes.size() > kMaxKept) {
      fail(ProbeReason::kTooLarge, fmt::format("the body is over the {} bytes that assertions look at", kMaxKept));
      return false;
    }
    kept_ += bytes;
  }
  return !over;
}

}  // namespace heal::probe
