#include "common/system/sqlite_schema.h"

#include <string>

#include <fmt/format.h>

namespace heal::sqlite {
namespace {

/// "heal" in ASCII, in the file's header: tells our files from other databases.
constexpr std::int64_t kApplicationId = 0x6865616C;

// Times are nanoseconds since the epoch. Partial indexes hold what a start must find without reading the past.
constexpr std::string_view kVersion1 = R"sql(
CREATE TABLE episodes(
  key TEXT NOT NULL PRIMARY KEY,
  source TEXT NOT NULL, name TEXT NOT NULL, labels TEXT NOT NULL, annotations TEXT NOT NULL,
  starts_at INTEGER NOT NULL, received_at INTEGER NOT NULL, resolved_at INTEGER,
  incident_id TEXT NOT NULL, generator_url TEXT NOT NULL, alertmanager_url TEXT NOT NULL);
CREATE INDEX episodes_incident ON episodes(incident_id);
CREATE INDEX episodes_unresolved ON episodes(received_at) WHERE resolved_at IS NULL;

CREATE TABLE incidents(
  id TEXT NOT NULL PRIMARY KEY,
  target TEXT NOT NULL, playbook TEXT NOT NULL, state TEXT NOT NULL, detected_at INTEGER, is_open INTEGER NOT NULL,
  doc TEXT NOT NULL);
CREATE INDEX incidents_target ON incidents(target, id);
CREATE INDEX incidents_playbook ON incidents(playbook, id);
CREATE INDEX incidents_state ON incidents(state, id);
CREATE INDEX incidents_detected ON incidents(detected_at, id);
CREATE INDEX incidents_open ON incidents(id) WHERE is_open;

CREATE TABLE entries(
  sequence INTEGER PRIMARY KEY,
  at INTEGER NOT NULL, incident_id TEXT NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL, data TEXT NOT NULL,
  hash BLOB NOT NULL);
CREATE INDEX entries_incident ON entries(incident_id);
CREATE TABLE journal_head(only INTEGER PRIMARY KEY CHECK (only = 1), sequence INTEGER NOT NULL, hash BLOB NOT NULL);
INSERT INTO journal_head VALUES (1, 0, zeroblob(32));

CREATE TABLE open_steps(
  incident_id TEXT NOT NULL, step_id TEXT NOT NULL, intended_at INTEGER NOT NULL, data TEXT NOT NULL,
  PRIMARY KEY (incident_id, step_id)) WITHOUT ROWID;

CREATE TABLE leases(
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL, target TEXT NOT NULL, state TEXT NOT NULL, injected_at INTEGER NOT NULL,
  deadline INTEGER NOT NULL, owner TEXT NOT NULL, original TEXT NOT NULL, undo TEXT NOT NULL,
  last_error TEXT NOT NULL);
CREATE INDEX leases_active ON leases(injected_at, id) WHERE state <> 'reverted';
CREATE INDEX leases_reverted ON leases(injected_at, id) WHERE state = 'reverted';

CREATE TABLE stored_values(key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
)sql";

// The journal begins behind its checkpoint. An entry that retention took has kind '' and keeps sequence and hash.
constexpr std::string_view kVersion2 = R"sql(
CREATE TABLE journal_checkpoint(only INTEGER PRIMARY KEY CHECK (only = 1), sequence INTEGER NOT NULL, hash BLOB NOT NULL);
INSERT INTO journal_checkpoint VALUES (1, 0, zeroblob(32));
-- Most incidents of a storm have neither.
DROP INDEX incidents_target;
CREATE INDEX incidents_target ON incidents(target, id) WHERE target <> '';
DROP INDEX incidents_playbook;
CREATE INDEX incidents_playbook ON incidents(playbook, id) WHERE playbook <> '';
)sql";

constexpr std::string_view kVersion3 = "ALTER TABLE leases ADD COLUMN pages INTEGER NOT NULL DEFAULT 0;";

constexpr std::string_view kVersion4 = "ALTER TABLE leases ADD COLUMN reverted_at INTEGER;";

// An incident's document leaves out what says nothing, which earlier programs cannot read.
constexpr std::string_view kVersion5 = "";

}  // namespace

const std::vector<std::string_view>& schema_steps() {
  static const std::vector<std::string_view> kSteps{kVersion1, kVersion2, kVersion3, kVersion4, kVersion5};
  return kSteps;
}

Status migrate(Connection& connection, const std::vector<std::string_view>& steps) {
  const auto newest = static_cast<std::int64_t>(steps.size());
  HEAL_TRY(const std::int64_t version, connection.number("PRAGMA user_version"));
  if (version > newest) {
    return make_error(ErrorCode::kConflict,
                      "the store has schema version {}, this program knows versions up to {}: use the newer program",
                      version, newest);
  }
  if (version == newest) return {};
  HEAL_TRY(auto transaction, Transaction::begin(connection, Transaction::Kind::kWrite));
  for (auto step = static_cast<std::size_t>(version); step < steps.size(); ++step) {
    HEAL_TRY_STATUS(connection.execute(std::string(steps[step])).with_context("schema version {}", step + 1));
  }
  HEAL_TRY_STATUS(
      connection.execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};", kApplicationId, newest)));
  return transaction.commit();
}

Status check_identity(Connection& connection) {
  HEAL_TRY(const std::int64_t id, connection.number("PRAGMA application_id"));
  if (id != kApplicationId) return make_error(ErrorCode::kStorage, "the file is not a database of this service");
  return {};
}

}  // namespace heal::sqlite
