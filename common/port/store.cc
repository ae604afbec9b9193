#include "common/port/store.h"

namespace heal {
namespace {

void append_number(std::string& out, std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8)
    out += static_cast<char>((value >> shift) & 0xFF);
}

void append_text(std::string& out, std::string_view text) {
  append_number(out, text.size());
  out += text;
}

}  // namespace

Sha256 chain_hash(const Sha256& previous, const TimelineEntry& entry) {
  std::string bytes(previous.begin(), previous.end());
  bytes.reserve(bytes.size() + 48 + entry.incident_id.size() + entry.kind.size() + entry.message.size() +
                entry.data.size());
  append_number(bytes, entry.sequence);
  append_number(bytes, static_cast<std::uint64_t>(entry.at.time_since_epoch().count()));
  append_text(bytes, entry.incident_id);
  append_text(bytes, entry.kind);
  append_text(bytes, entry.message);
  append_text(bytes, entry.data);
  return sha256(bytes);
}

}  // namespace heal
