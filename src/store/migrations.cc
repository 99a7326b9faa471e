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
    // No foreign key to users: the row stays until the files are deleted. `number` is the row's
    // place in recording_columns.h. Its copy of the nickname is there for that as well: a change of
    // the name changes the row, and so the columns hear of it.
    {2, R"sql(
CREATE TABLE recordings (
  number       INTEGER NOT NULL PRIMARY KEY,
  id           TEXT    NOT NULL UNIQUE,
  owner_id     TEXT    NOT NULL,
  co_owner_id  TEXT,
  presenter    TEXT    NOT NULL,
  broadcast_id TEXT    NOT NULL,
  title        TEXT    NOT NULL,
  started_at   INTEGER NOT NULL,
  duration     INTEGER NOT NULL DEFAULT 0,
  width        INTEGER NOT NULL DEFAULT 0,
  height       INTEGER NOT NULL DEFAULT 0,
  video_codec  TEXT    NOT NULL DEFAULT '',
  audio_codec  TEXT    NOT NULL DEFAULT '',
  bytes        INTEGER NOT NULL DEFAULT 0,
  file         TEXT    NOT NULL DEFAULT '',
  location     TEXT    NOT NULL,
  comments     TEXT    NOT NULL DEFAULT '',
  visibility   INTEGER NOT NULL,
  state        INTEGER NOT NULL,
  removing     INTEGER NOT NULL DEFAULT 0,
  thumbnail    INTEGER NOT NULL DEFAULT 0,
  sprites      TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX recordings_by_owner ON recordings (owner_id);
CREATE INDEX recordings_by_co_owner ON recordings (co_owner_id) WHERE co_owner_id IS NOT NULL;
CREATE INDEX recordings_by_start ON recordings (started_at);
CREATE INDEX recordings_unfinished ON recordings (state) WHERE state < 2 OR removing = 1;

CREATE TABLE secrets (
  name  TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER recordings_follow_nickname AFTER UPDATE OF nickname ON users BEGIN
  UPDATE recordings SET presenter = new.nickname WHERE owner_id = new.id;
END;
-- What belonged to two is the other's from then on; what belonged to nobody else goes.
CREATE TRIGGER recordings_of_gone_user AFTER DELETE ON users BEGIN
  UPDATE recordings SET co_owner_id = NULL WHERE co_owner_id = old.id;
  UPDATE recordings SET removing = 1 WHERE owner_id = old.id AND co_owner_id IS NULL;
  UPDATE recordings SET owner_id = co_owner_id, co_owner_id = NULL,
    presenter = coalesce((SELECT nickname FROM users WHERE id = co_owner_id), '')
    WHERE owner_id = old.id AND co_owner_id IS NOT NULL;
END;
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
    // Who does not want to be called by whom.
    {5, R"sql(
CREATE TABLE blocked (
  user_id  TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  other_id TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  since    INTEGER NOT NULL,
  PRIMARY KEY (user_id, other_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX blocked_by_other ON blocked (other_id);
)sql"},
    // skeleton(): as app::confusable_skeleton() makes it; two who looked the same before keep their
    // names. A quota that is NULL is the one of the options. A recording of a call has its call_id
    // for ever, so that what was agreed between two holds also when one of them is gone.
    {6, R"sql(
ALTER TABLE users ADD COLUMN sign_outs INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN nickname_shape TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN quota_bytes INTEGER;
ALTER TABLE users ADD COLUMN quota_seconds INTEGER;
UPDATE users SET nickname_shape = skeleton(nickname_key);
CREATE INDEX users_by_shape ON users (nickname_shape);

CREATE TABLE known_places (
  user_id TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  place   BLOB    NOT NULL,
  used_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, place)
) STRICT, WITHOUT ROWID;

ALTER TABLE recordings ADD COLUMN call_id TEXT NOT NULL DEFAULT '';
UPDATE recordings SET call_id = broadcast_id WHERE co_owner_id IS NOT NULL;
DROP TRIGGER recordings_follow_nickname;
-- The second changes nothing but lets the columns hear of it, which know the other one's nickname.
CREATE TRIGGER recordings_follow_nickname AFTER UPDATE OF nickname ON users BEGIN
  UPDATE recordings SET presenter = new.nickname WHERE owner_id = new.id;
  UPDATE recordings SET co_owner_id = co_owner_id WHERE co_owner_id = new.id;
END;
DROP TRIGGER recordings_of_gone_user;
-- What shows the one who leaves goes, also where another had a part in it.
CREATE TRIGGER recordings_of_gone_user AFTER DELETE ON users BEGIN
  UPDATE recordings SET removing = 1 WHERE owner_id = old.id;
  UPDATE recordings SET co_owner_id = NULL WHERE co_owner_id = old.id;
END;
)sql"},
};

}  // namespace

std::span<const Migration> migrations() { return kMigrations; }

}  // namespace loopcast::store
