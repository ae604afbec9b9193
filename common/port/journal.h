#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/port/store.h"

// What retention does to the journal, and how the journal is checked afterwards: the same for every store.

namespace heal {

/// Sequences as ascending ranges, both ends included: `3-7,9`.
class SequenceRanges {
 public:
  void add(std::uint64_t sequence) { add(sequence, sequence); }
  void add(std::uint64_t first, std::uint64_t last);
  /// Adds what str() wrote; false for anything else.
  bool add(std::string_view text);
  bool contains(std::uint64_t sequence) const;
  bool empty() const { return ranges_.empty(); }
  std::uint64_t last() const { return ranges_.empty() ? 0 : ranges_.back().last; }
  std::string str() const;

 private:
  struct Range {
    std::uint64_t first, last;
  };
  std::vector<Range> ranges_;
};

/// Where the journal begins: the last entry that retention took together with all before it.
struct Checkpoint {
  std::uint64_t sequence = 0;
  Sha256 hash{};

  bool operator==(const Checkpoint&) const = default;
};

inline constexpr std::string_view kRetentionKind = "retention";

/// The journal entry that a step of retention leaves.
TimelineEntry retention_entry(const SweepOrder& order, const Swept& swept, const SequenceRanges& taken,
                              const Checkpoint& checkpoint);
/// What such an entry says; nullopt when it cannot be read.
struct RetentionNote {
  SequenceRanges taken;
  Checkpoint checkpoint;
};
std::optional<RetentionNote> parse_retention(const TimelineEntry& entry);

/// True when retention may take `entry`, which belongs to no incident that is there: it is old, and it is not the proof
/// for entries that were taken and whose numbers are still there.
bool may_sweep_entry(const TimelineEntry& entry, WallTime before, const Checkpoint& checkpoint);

/// Follows the chain. Entries are given in order of their sequence, then finish().
class JournalVerifier {
 public:
  explicit JournalVerifier(const Checkpoint& checkpoint);
  /// Both give false when there is nothing more to find.
  bool take(const TimelineEntry& entry, const Sha256& stored);
  /// An entry of which only number and hash are left.
  bool take_swept(std::uint64_t sequence, const Sha256& stored);
  /// `sequence` and `hash`: what the store holds to be the end of the journal.
  JournalCheck finish(std::uint64_t sequence, const Sha256& hash);

 private:
  bool altered(std::uint64_t sequence);

  const Checkpoint checkpoint_;
  std::uint64_t expected_;
  Sha256 hash_;
  SequenceRanges proven_;
  std::vector<std::uint64_t> swept_;
  std::optional<Checkpoint> noted_;
  JournalCheck check_;
};

}  // namespace heal
