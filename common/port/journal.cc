#include "common/port/journal.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"

namespace heal {
namespace {

/// The value of a member of the JSON object that retention_entry() wrote: no text in it needs an escape.
std::optional<std::string_view> member_of(std::string_view json, std::string_view name) {
  const std::string begin = fmt::format("\"{}\":\"", name);
  const auto at = json.find(begin);
  if (at == std::string_view::npos) return std::nullopt;
  const auto from = at + begin.size();
  const auto to = json.find('"', from);
  if (to == std::string_view::npos) return std::nullopt;
  return json.substr(from, to - from);
}

std::optional<std::uint64_t> parse_sequence(std::string_view text) {
  const auto number = parse_int(text);
  if (!number || *number < 1) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

std::string_view bytes_of(const Sha256& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

std::optional<Sha256> sha256_from_hex(std::string_view hex) {
  Sha256 hash{};
  if (hex.size() != 2 * hash.size()) return std::nullopt;
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const char* const begin = hex.data() + 2 * i;
    if (std::from_chars(begin, begin + 2, hash[i], 16).ptr != begin + 2) return std::nullopt;
  }
  return hash;
}

}  // namespace

void SequenceRanges::add(std::uint64_t first, std::uint64_t last) {
  // Mostly at the end: what is added comes in order.
  auto at = std::upper_bound(ranges_.begin(), ranges_.end(), first,
                             [](std::uint64_t value, const Range& range) { return value < range.first; });
  at = ranges_.insert(at, {first, last});
  if (at != ranges_.begin() && std::prev(at)->last + 1 >= at->first) {
    std::prev(at)->last = std::max(std::prev(at)->last, at->last);
    at = std::prev(ranges_.erase(at));
  }
  while (std::next(at) != ranges_.end() && at->last + 1 >= std::next(at)->first) {
    at->last = std::max(at->last, std::next(at)->last);
    ranges_.erase(std::next(at));
  }
}

bool SequenceRanges::add(std::string_view text) {
  if (text.empty()) return true;
  for (const std::string_view part : split(text, ',')) {
    const auto dash = part.find('-');
    const auto first = parse_sequence(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_sequence(part.substr(dash + 1));
    if (!first || !last || *last < *first) return false;
    add(*first, *last);
  }
  return true;
}

bool SequenceRanges::contains(std::uint64_t sequence) const {
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), sequence,
                                      [](std::uint64_t value, const Range& range) { return value < range.first; });
  return after != ranges_.begin() && std::prev(after)->last >= sequence;
}

std::string SequenceRanges::str() const {
  std::string out;
  for (const Range& range : ranges_) {
    if (!out.empty()) out += ',';
    out += range.first == range.last ? fmt::format("{}", range.first) : fmt::format("{}-{}", range.first, range.last);
  }
  return out;
}

TimelineEntry retention_entry(const SweepOrder& order, const Swept& swept, const SequenceRanges& taken,
                              const Checkpoint& checkpoint) {
  TimelineEntry entry;
  entry.at = order.now;
  entry.kind = kRetentionKind;
  entry.message = fmt::format("retention took {} incident(s) closed before {}, with {} journal entries",
                              swept.incidents, format_rfc3339(order.before), swept.entries);
  entry.data = fmt::format(
      R"({{"before":"{}","checkpoint":"{}","checkpoint_hash":"{}","entries":"{}","episodes":{},"incidents":{}}})",
      format_rfc3339_nano(order.before), checkpoint.sequence, to_hex(bytes_of(checkpoint.hash)), taken.str(),
      swept.episodes, swept.incidents);
  return entry;
}

std::optional<RetentionNote> parse_retention(const TimelineEntry& entry) {
  RetentionNote note;
  const auto taken = member_of(entry.data, "entries");
  const auto sequence = member_of(entry.data, "checkpoint");
  const auto hash = member_of(entry.data, "checkpoint_hash");
  if (!taken || !sequence || !hash || !note.taken.add(*taken)) return std::nullopt;
  note.checkpoint.sequence = parse_sequence(*sequence).value_or(0);
  const auto bytes = sha256_from_hex(*hash);
  if (!bytes) return std::nullopt;
  note.checkpoint.hash = *bytes;
  return note;
}

bool may_sweep_entry(const TimelineEntry& entry, WallTime before, const Checkpoint& checkpoint) {
  if (entry.at >= before) return false;
  if (entry.kind != kRetentionKind) return true;
  const auto note = parse_retention(entry);
  return !note || note->taken.last() <= checkpoint.sequence;
}

JournalVerifier::JournalVerifier(const Checkpoint& checkpoint)
    : checkpoint_(checkpoint), expected_(checkpoint.sequence + 1), hash_(checkpoint.hash) {
  check_.first = expected_;
}

bool JournalVerifier::altered(std::uint64_t sequence) {
  check_.first_altered = sequence;
  return false;
}

bool JournalVerifier::take(const TimelineEntry& entry, const Sha256& stored) {
  if (check_.first_altered) return false;
  if (entry.sequence != expected_) return altered(expected_);
  hash_ = chain_hash(hash_, entry);
  if (hash_ != stored) return altered(expected_);
  ++expected_;
  ++check_.entries;
  if (entry.kind != kRetentionKind || !entry.incident_id.empty()) return true;
  if (auto note = parse_retention(entry)) {
    proven_.add(note->taken.str());
    noted_ = note->checkpoint;
  }
  return true;
}

bool JournalVerifier::take_swept(std::uint64_t sequence, const Sha256& stored) {
  if (check_.first_altered) return false;
  if (sequence != expected_) return altered(expected_);
  hash_ = stored;
  ++expected_;
  swept_.push_back(sequence);
  return true;
}

JournalCheck JournalVerifier::finish(std::uint64_t sequence, const Sha256& hash) {
  check_.last = sequence;
  check_.head = hash;
  const std::uint64_t beyond = sequence + 1;
  if (!check_.first_altered && expected_ != beyond) altered(std::min(expected_, beyond));
  if (!check_.first_altered && hash_ != hash) altered(std::max<std::uint64_t>(beyond - 1, 1));
  if (check_.first_altered) return check_;
  // What is gone must have been taken by retention, as an entry of the journal says.
  const bool is_noted = checkpoint_ == noted_.value_or(Checkpoint{});
  const auto unproven =
      std::find_if(swept_.begin(), swept_.end(), [this](std::uint64_t gone) { return !proven_.contains(gone); });
  if (!is_noted) {
    altered(std::max<std::uint64_t>(checkpoint_.sequence, 1));
  } else if (unproven != swept_.end()) {
    altered(*unproven);
  }
  return check_;
}

}  // namespace heal
