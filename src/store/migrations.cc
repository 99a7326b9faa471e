#include "store/migrations.h"

namespace loopcast::store {
namespace {

// Times are microseconds since 1970 UTC.
constexpr Migration kMigrations[] = {
    {1, R"sql(
CREATE TABLE users (
  id            TEXT    NOT NULL PRIMARY KEY,
  nickname      TEXT    NOT NULL,
  nickname_key  TEXT    NOT NULL UNIQUE,
  password_hash TEXT    NOT NULL,
  created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  token_hash   BLOB    NOT NULL PRIMARY KEY,
  user_id      TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at   INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  user_agent   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_id, last_used_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
)sql"},
    // Each call once for each of its two, who forget it apart from each other. `outcome` is the
    // number of app::CallOutcome; `duration` is in microseconds.
    {4, R"sql(
CREATE TABLE calls (
  user_id    TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  call_id    TEXT    NOT NULL,
  other_id   TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  received   INTEGER NOT NULL,
  outcome    INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  duration   INTEGER NOT NULL,
  seen       INTEGER NOT NULL,
  PRIMARY KEY (user_id, call_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX calls_by_time ON calls (user_id, started_at);
CREATE INDEX calls_by_other ON calls (other_id);
CREATE INDEX calls_unseen ON calls (user_id) WHERE seen = 0;
)sql"},
};

}  // namespace

std::span<const Migration> migrations() { return kMigrations; }

}  // namespace loopcast::store
