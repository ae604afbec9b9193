#include "common/probe/decompressor.h"

#include <array>
#include <brotli/decode.h>
#include <zlib.h>

namespace heal::probe {
namespace {

constexpr std::size_t kChunk = 32 * 1024;
constexpr int kGzipWindowBits = 15 + 16;
constexpr int kRawDeflateWindowBits = -15;

/// gzip (RFC 1952, several members too) and raw deflate (RFC 1951).
class Inflater : public Decompressor {
 public:
  enum class Format { kGzip, kRawDeflate };
  explicit Inflater(Format format) : format_(format) {
    inflateInit2(&stream_, format == Format::kGzip ? kGzipWindowBits : kRawDeflateWindowBits);
    if (format == Format::kGzip) inflateGetHeader(&stream_, &header_);
  }
  ~Inflater() override { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  State feed(std::string_view bytes, const Output& output) override {
    // zlib's input is not const for historical reasons; it does not write there.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      if (complete_) {
        if (stream_.avail_in == 0) return State::kMore;
        // After raw deflate nothing may follow that matters; after gzip only another member.
        if (format_ == Format::kRawDeflate) return State::kMore;
        inflateReset(&stream_);
        complete_ = false;
      }
      std::array<char, kChunk> chunk;
      stream_.next_out = reinterpret_cast<Bytef*>(chunk.data());
      stream_.avail_out = static_cast<uInt>(chunk.size());
      const int result = inflate(&stream_, Z_NO_FLUSH);
      const std::size_t produced = chunk.size() - stream_.avail_out;
      if (produced > 0 && !output({chunk.data(), produced})) return State::kStopped;
      if (result == Z_STREAM_END) {
        complete_ = true;
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        return format_ == Format::kGzip && header_.done != 1 ? State::kBadHeader : State::kBad;
      }
    } while (stream_.avail_in > 0 || stream_.avail_out == 0);
    return State::kMore;
  }

  bool is_complete() const override { return complete_; }

 private:
  const Format format_;
  z_stream stream_{};
  gz_header header_{};
  bool complete_ = false;
};

class BrotliInflater : public Decompressor {
 public:
  BrotliInflater() : state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {}
  ~BrotliInflater() override { BrotliDecoderDestroyInstance(state_); }
  BrotliInflater(const BrotliInflater&) = delete;
  BrotliInflater& operator=(const BrotliInflater&) = delete;

  State feed(std::string_view bytes, const Output& output) override {
    auto* next_in = reinterpret_cast<const std::uint8_t*>(bytes.data());
    std::size_t left = bytes.size();
    while (true) {
      std::array<std::uint8_t, kChunk> chunk;
      std::uint8_t* next_out = chunk.data();
      std::size_t room = chunk.size();
      const BrotliDecoderResult result =
          BrotliDecoderDecompressStream(state_, &left, &next_in, &room, &next_out, nullptr);
      const std::size_t produced = chunk.size() - room;
      if (produced > 0 && !output({reinterpret_cast<const char*>(chunk.data()), produced})) return State::kStopped;
      if (result == BROTLI_DECODER_RESULT_ERROR) return State::kBad;
      if (result == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT) return State::kMore;
      if (result == BROTLI_DECODER_RESULT_SUCCESS) return left == 0 ? State::kMore : State::kBad;
    }
  }

  bool is_complete() const override { return BrotliDecoderIsFinished(state_) == BROTLI_TRUE; }

 private:
  BrotliDecoderState* state_;
};

}  // namespace

std::unique_ptr<Decompressor> Decompressor::create(Compression compression) {
  switch (compression) {
    case Compression::kGzip:
      return std::make_unique<Inflater>(Inflater::Format::kGzip);
    case Compression::kDeflate:
      return std::make_unique<Inflater>(Inflater::Format::kRawDeflate);
    case Compression::kBrotli:
      return std::make_unique<BrotliInflater>();
    case Compression::kNone:
    case Compression::kIdentity:
    case Compression::kUnknown:
      return nullptr;
  }
  return nullptr;
}

}  // namespace heal::probe
