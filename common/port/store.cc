#include "common/port/store.h"

namespace heal {
namespace {

void append_number(std::string& out, std::uint64_t value) {
  char bytes[8];
  for (std::size_t i = 0; i < sizeof bytes; ++i)
    bytes[i] = static_cast<char>((value >> (8 * i)) & 0xFF);
  out.append(bytes, sizeof bytes);
}

void append_text(std::string& out, std::string_view text) {
  append_number(out, text.size());
  out += text;
}

}  // namespace

Sha256 chain_hash(const Sha256& previous, const TimelineEntry& entry) {
  return chain_hash(previous, entry, entry.sequence);
}

Sha256 chain_hash(const Sha256& previous, const TimelineEntry& entry, std::uint64_t sequence) {
  std::string bytes;
  bytes.reserve(previous.size() + 48 + entry.incident_id.size() + entry.kind.size() + entry.message.size() +
                entry.data.size());
  bytes.append(previous.begin(), previous.end());
  append_number(bytes, sequence);
  append_number(bytes, static_cast<std::uint64_t>(entry.at.time_since_epoch().count()));
  append_text(bytes, entry.incident_id);
  append_text(bytes, entry.kind);
  append_text(bytes, entry.message);
  append_text(bytes, entry.data);
  return sha256(bytes);
}

Result<std::optional<std::uint64_t>> Store::first_altered_entry() {
  HEAL_TRY(const JournalCheck check, check_journal());
  return check.first_altered;
}

}  // namespace heal
