#include "common/system/sqlite_journal.h"

#include <utility>
#include <vector>

#include "common/system/sqlite_rows.h"

namespace heal::sqlite {
namespace {

/// Entries at the beginning of the journal that one step removes for each incident that it looks at.
constexpr std::size_t kEntriesPerIncident = 50;

Result<Checkpoint> read_checkpoint(Connection& connection) {
  // A backup of the first schema has no checkpoint.
  HEAL_TRY(const std::int64_t schema, connection.number("PRAGMA user_version"));
  if (schema < 2) return Checkpoint{};
  HEAL_TRY(auto query, connection.query("SELECT sequence,hash FROM journal_checkpoint"));
  HEAL_TRY(const bool row, query.step());
  if (!row) return make_error(ErrorCode::kStorage, "the journal has lost its beginning");
  return Checkpoint{static_cast<std::uint64_t>(query.number(0)), read_hash(query, 1)};
}

/// One step of retention within a transaction.
class Sweep {
 public:
  Sweep(Connection& connection, const SweepOrder& order, JournalHead& head)
      : connection_(connection), order_(order), head_(head) {}

  Result<Swept> run() {
    HEAL_TRY(checkpoint_, read_checkpoint(connection_));
    const Checkpoint before = checkpoint_;
    HEAL_TRY(const auto old, old_incidents());
    for (const Old& incident : old)
      HEAL_TRY_STATUS(consider(incident));
    if (old.size() == order_.limit) {
      swept_.next = SweepCursor{old.back().detected_at, old.back().id};
    } else {
      HEAL_TRY_STATUS(take_loose_episodes());
      HEAL_TRY_STATUS(take_loose_entries());
      HEAL_TRY_STATUS(take_reverted_leases());
    }
    HEAL_TRY_STATUS(move_checkpoint());
    if (swept_.incidents == 0 && swept_.episodes == 0 && taken_.empty() && checkpoint_ == before) return swept_;
    HEAL_TRY_STATUS(append_entry(connection_, retention_entry(order_, swept_, taken_, checkpoint_), head_));
    HEAL_TRY_STATUS(write_head(connection_, head_));
    return swept_;
  }

 private:
  struct Old {
    WallTime detected_at{};
    std::string id;
    bool is_over = false;
  };

  Result<std::vector<Old>> old_incidents() {
    HEAL_TRY(auto query,
             connection_.query("SELECT detected_at,id,is_open,doc FROM incidents INDEXED BY incidents_detected "
                               "WHERE detected_at<?1 AND (detected_at,id)>(?2,?3) "
                               "ORDER BY detected_at,id LIMIT ?4"));
    const SweepCursor after = order_.after.value_or(SweepCursor{WallTime::min(), ""});
    query.bind(order_.before, after.detected_at, after.id, static_cast<std::int64_t>(order_.limit));
    std::vector<Old> found;
    while (true) {
      HEAL_TRY(const bool row, query.step());
      if (!row) return found;
      Old old{query.time(0), query.text(1), false};
      if (query.number(2) == 0) {
        HEAL_TRY(const Incident incident, parse_incident(query.text_view(3)));
        const auto& closed_at = incident.times.closed_at;
        old.is_over = closed_at && *closed_at < order_.before;
      }
      found.push_back(std::move(old));
    }
  }

  /// An alert that fires keeps its incident: without it, a repeat would look like a new alert and be acted on again.
  Result<bool> is_needed(const std::string& id) {
    HEAL_TRY(auto query,
             connection_.query("SELECT EXISTS (SELECT 1 FROM episodes WHERE incident_id=?1 AND resolved_at IS NULL) OR "
                               "EXISTS (SELECT 1 FROM open_steps WHERE incident_id=?1)"));
    HEAL_TRY(const bool row, query.bind(id).step());
    return row && query.number(0) != 0;
  }

  Status consider(const Old& incident) {
    if (!incident.is_over) return {};
    HEAL_TRY(const bool needed, is_needed(incident.id));
    if (needed) return {};
    HEAL_TRY(const std::size_t episodes, remove("DELETE FROM episodes WHERE incident_id=?", incident.id));
    HEAL_TRY([[maybe_unused]] const std::size_t one, remove("DELETE FROM incidents WHERE id=?", incident.id));
    swept_.episodes += episodes;
    ++swept_.incidents;
    std::vector<std::uint64_t> sequences;
    {
      HEAL_TRY(auto query, connection_.query("SELECT sequence FROM entries WHERE incident_id=? ORDER BY sequence"));
      query.bind(incident.id);
      while (true) {
        HEAL_TRY(const bool row, query.step());
        if (!row) break;
        sequences.push_back(static_cast<std::uint64_t>(query.number(0)));
      }
    }
    for (const std::uint64_t sequence : sequences)
      HEAL_TRY_STATUS(blank(sequence));
    return {};
  }

  Result<std::size_t> remove(std::string_view sql, const std::string& id) {
    HEAL_TRY(auto query, connection_.query(sql));
    HEAL_TRY_STATUS(query.bind(id).run());
    return connection_.changes();
  }

  Status blank(std::uint64_t sequence) {
    HEAL_TRY(auto query,
             connection_.query("UPDATE entries SET at=0,incident_id='',kind='',message='',data='' WHERE sequence=?"));
    HEAL_TRY_STATUS(query.bind(sequence).run());
    taken_.add(sequence);
    ++swept_.entries;
    return {};
  }

  /// Evidence that belongs to no incident: late, or resolved before it was known.
  Status take_loose_episodes() {
    HEAL_TRY(auto query,
             connection_.query("DELETE FROM episodes WHERE key IN (SELECT key FROM episodes WHERE incident_id='' AND "
                               "resolved_at IS NOT NULL AND resolved_at<?1 AND received_at<?1 LIMIT ?2)"));
    HEAL_TRY_STATUS(query.bind(order_.before, static_cast<std::int64_t>(10 * order_.limit)).run());
    swept_.episodes += connection_.changes();
    return {};
  }

  /// Old entries about the service itself, and of incidents that are not there any more. The journal is in order of
  /// time: what is behind the first young entry is young.
  Status take_loose_entries() {
    std::vector<std::uint64_t> loose;
    HEAL_TRY_STATUS(find_loose_entries(loose));
    for (const std::uint64_t sequence : loose)
      HEAL_TRY_STATUS(blank(sequence));
    return {};
  }

  Status find_loose_entries(std::vector<std::uint64_t>& loose) {
    HEAL_TRY(auto query, connection_.query("SELECT " HEAL_ENTRY_COLUMNS
                                           ",incident_id<>'' AND EXISTS (SELECT 1 FROM incidents WHERE id=incident_id) "
                                           "FROM entries WHERE sequence>? ORDER BY sequence"));
    query.bind(checkpoint_.sequence);
    while (loose.size() < 10 * order_.limit) {
      HEAL_TRY(const bool row, query.step());
      if (!row) break;
      const TimelineEntry entry = read_entry(query);
      if (entry.kind.empty()) continue;
      if (entry.at >= order_.before) break;
      const bool is_of_incident = query.number(7) != 0;
      if (!is_of_incident && may_sweep_entry(entry, order_.before, checkpoint_)) loose.push_back(entry.sequence);
    }
    return {};
  }

  /// Of a fault that is not undone the lease stays, however old it is.
  Status take_reverted_leases() {
    HEAL_TRY(auto query, connection_.query("DELETE FROM leases WHERE state='reverted' AND injected_at<?"));
    return query.bind(order_.before).run();
  }

  /// Of what was taken from the beginning of the journal, only the last hash is kept.
  Status move_checkpoint() {
    Checkpoint now = checkpoint_;
    {
      HEAL_TRY(auto query, connection_.query("SELECT sequence,kind,hash FROM entries ORDER BY sequence LIMIT ?"));
      query.bind(static_cast<std::int64_t>(kEntriesPerIncident * order_.limit));
      while (true) {
        HEAL_TRY(const bool row, query.step());
        if (!row || !query.text_view(1).empty()) break;
        now = {static_cast<std::uint64_t>(query.number(0)), read_hash(query, 2)};
      }
    }
    if (now == checkpoint_) return {};
    checkpoint_ = now;
    HEAL_TRY(auto gone, connection_.query("DELETE FROM entries WHERE sequence<=?"));
    HEAL_TRY_STATUS(gone.bind(now.sequence).run());
    HEAL_TRY(auto query, connection_.query("UPDATE journal_checkpoint SET sequence=?1, hash=?2"));
    query.bind(now.sequence);
    query.bind_blob(2, bytes_of(now.hash));
    return query.run();
  }

  Connection& connection_;
  const SweepOrder& order_;
  JournalHead& head_;
  Checkpoint checkpoint_;
  SequenceRanges taken_;
  Swept swept_;
};

}  // namespace

Result<JournalHead> read_head(Connection& connection) {
  HEAL_TRY(auto query, connection.query("SELECT sequence,hash FROM journal_head"));
  HEAL_TRY(const bool row, query.step());
  if (!row) return make_error(ErrorCode::kStorage, "the journal has lost its end");
  return JournalHead{static_cast<std::uint64_t>(query.number(0)), read_hash(query, 1)};
}

Status write_head(Connection& connection, const JournalHead& head) {
  HEAL_TRY(auto query, connection.query("UPDATE journal_head SET sequence=?1, hash=?2"));
  query.bind(head.sequence);
  query.bind_blob(2, bytes_of(head.hash));
  return query.run();
}

Status append_entry(Connection& connection, const TimelineEntry& entry, JournalHead& head) {
  ++head.sequence;
  head.hash = chain_hash(head.hash, entry, head.sequence);
  return write(connection, entry, head.sequence, head.hash);
}

Result<JournalCheck> check_journal(Connection& connection) {
  HEAL_TRY(auto snapshot, Transaction::begin(connection, Transaction::Kind::kRead));
  HEAL_TRY(const Checkpoint checkpoint, read_checkpoint(connection));
  HEAL_TRY(const JournalHead head, read_head(connection));
  JournalVerifier verifier(checkpoint);
  HEAL_TRY(auto query, connection.query("SELECT " HEAL_ENTRY_COLUMNS " FROM entries ORDER BY sequence"));
  while (true) {
    HEAL_TRY(const bool row, query.step());
    if (!row) break;
    const TimelineEntry entry = read_entry(query);
    const Sha256 hash = read_hash(query, 6);
    const bool goes_on = entry.kind.empty() ? verifier.take_swept(entry.sequence, hash) : verifier.take(entry, hash);
    if (!goes_on) break;
  }
  return verifier.finish(head.sequence, head.hash);
}

Result<Swept> sweep(Connection& connection, const SweepOrder& order, JournalHead& head) {
  return Sweep(connection, order, head).run();
}

}  // namespace heal::sqlite
