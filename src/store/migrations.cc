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
    // nickname_key(): as app::parse_nickname() makes it. Where two users had names that are one and
    // the same now, one of them keeps the key that it had (see app::Nickname::former_key).
    {3, R"sql(
UPDATE OR IGNORE users SET nickname_key = nickname_key(nickname, nickname_key);

ALTER TABLE users ADD COLUMN avatar TEXT NOT NULL DEFAULT '';
CREATE TABLE avatars (
  user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  jpeg    BLOB NOT NULL
) STRICT;
)sql"},
};

}  // namespace

std::span<const Migration> migrations() { return kMigrations; }

}  // namespace loopcast::store
