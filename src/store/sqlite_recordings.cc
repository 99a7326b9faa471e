#include "store/sqlite_recordings.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "app/messages.h"

namespace loopcast::store {
namespace {

using app::Recording;
using app::RecordingState;

// A user may go between the beginning of a recording and its row: what shows them goes with them,
// and what another has a part in is not theirs any more.
constexpr char kAdd[] =
    "WITH given (id, owner, other, broadcast_id, title, started_at, location, visibility, state, "
    "call_id) AS (VALUES (?, ?, nullif(?, ''), ?, ?, ?, ?, ?, ?, ?)) "
    "INSERT INTO recordings (id, owner_id, co_owner_id, presenter, broadcast_id, title, "
    "started_at, location, visibility, state, call_id, removing) "
    "SELECT id, owner, (SELECT users.id FROM users WHERE users.id = other), "
    "coalesce((SELECT nickname FROM users WHERE users.id = owner), ''), broadcast_id, title, "
    "started_at, location, visibility, state, call_id, "
    "NOT EXISTS (SELECT 1 FROM users WHERE users.id = owner) "
    "FROM given WHERE true ON CONFLICT (id) DO NOTHING";
#define LOOPCAST_RECORDING_COLUMNS                                                            \
  "SELECT r.id, r.owner_id, coalesce(u.nickname, r.presenter), coalesce(u.created_at, 0), "   \
  "coalesce(r.co_owner_id, ''), r.broadcast_id, r.title, r.started_at, r.duration, r.width, " \
  "r.height, r.video_codec, r.audio_codec, r.bytes, r.file, r.location, r.comments, "         \
  "r.visibility, r.state, r.removing, r.thumbnail, r.sprites, coalesce(u.avatar, ''), "       \
  "r.call_id, coalesce(c.id, ''), coalesce(c.nickname, ''), coalesce(c.created_at, 0), "      \
  "coalesce(c.avatar, '') FROM recordings r LEFT JOIN users u ON u.id = r.owner_id "          \
  "LEFT JOIN users c ON c.id = r.co_owner_id "
constexpr char kFindById[] = LOOPCAST_RECORDING_COLUMNS "WHERE r.id = ?";
constexpr char kFindByNumber[] = LOOPCAST_RECORDING_COLUMNS "WHERE r.number = ?";
constexpr char kUnfinished[] =
    LOOPCAST_RECORDING_COLUMNS "WHERE r.state < 2 OR r.removing = 1 ORDER BY r.started_at";
#undef LOOPCAST_RECORDING_COLUMNS
constexpr char kEdit[] =
    "UPDATE recordings SET title = iif(?, ?, title), comments = iif(?, ?, comments), "
    "visibility = iif(?, ?, visibility) WHERE id = ?";
constexpr char kSetState[] = "UPDATE recordings SET state = ? WHERE id = ?";
constexpr char kFinish[] =
    "UPDATE recordings SET state = ?, duration = ?, width = ?, height = ?, video_codec = ?, "
    "audio_codec = ?, bytes = ?, file = ? WHERE id = ?";
constexpr char kSetPictures[] =
    "UPDATE recordings SET thumbnail = max(thumbnail, ?), sprites = iif(? = '', sprites, ?) "
    "WHERE id = ?";
constexpr char kSetRemoving[] = "UPDATE recordings SET removing = ? WHERE id = ?";
constexpr char kRemove[] = "DELETE FROM recordings WHERE id = ?";
constexpr char kOldest[] =
    "SELECT id, started_at, bytes, owner_id FROM recordings WHERE state >= 2 AND removing = 0 "
    "ORDER BY started_at LIMIT ?";
constexpr char kOldestOf[] =
    "SELECT id, started_at, bytes, owner_id FROM recordings "
    "WHERE owner_id = ? AND state >= 2 AND removing = 0 ORDER BY started_at LIMIT ?";
constexpr char kQuota[] =
    "SELECT coalesce(quota_bytes, -1), coalesce(quota_seconds, -1) FROM users WHERE id = ?";
#define LOOPCAST_RECORDING_ROW                                                                \
  "SELECT r.number, r.started_at, r.duration, r.owner_id, coalesce(r.co_owner_id, ''), "      \
  "r.presenter, r.title, r.location, r.bytes, r.visibility, r.state, r.removing, r.call_id, " \
  "coalesce(c.nickname, '') FROM recordings r LEFT JOIN users c ON c.id = r.co_owner_id "
constexpr char kAllColumns[] = LOOPCAST_RECORDING_ROW "ORDER BY r.started_at, r.number";
constexpr char kColumnsOf[] = LOOPCAST_RECORDING_ROW "WHERE r.number = ?";
#undef LOOPCAST_RECORDING_ROW
constexpr char kKeepLinkKey[] =
    "INSERT INTO secrets (name, value) VALUES ('media_link', ?) ON CONFLICT DO NOTHING";
constexpr char kLinkKey[] = "SELECT value FROM secrets WHERE name = 'media_link'";

std::string to_text(const std::optional<app::SpriteSheet>& s) {
  if (!s) return {};
  return fmt::format("{} {} {} {} {} {}", s->interval, s->columns, s->rows, s->width, s->height,
                     s->count);
}

std::optional<app::SpriteSheet> sprites_from(const std::string& text) {
  app::SpriteSheet s;
  if (std::sscanf(text.c_str(), "%lf %u %u %u %u %u", &s.interval, &s.columns, &s.rows, &s.width,
                  &s.height, &s.count) != 6)
    return std::nullopt;
  return s;
}

Recording recording_of(const Query& q) {
  Recording r;
  r.id = q.text(0);
  r.owner.id = q.text(1);
  r.owner.nickname = q.text(2);
  r.owner.created_at = {q.number(3)};
  r.co_owner_id = q.text(4);
  r.broadcast_id = q.text(5);
  r.title = q.text(6);
  r.started_at = {q.number(7)};
  r.facts.duration = Duration::micros(q.number(8));
  r.facts.width = static_cast<uint32_t>(q.number(9));
  r.facts.height = static_cast<uint32_t>(q.number(10));
  r.facts.video_codec = q.text(11);
  r.facts.audio_codec = q.text(12);
  r.facts.bytes = static_cast<uint64_t>(q.number(13));
  r.facts.file = q.text(14);
  r.location = q.text(15);
  r.comments = q.text(16);
  r.visibility = static_cast<app::Visibility>(q.number(17));
  r.state = static_cast<RecordingState>(q.number(18));
  r.removing = q.number(19) != 0;
  r.thumbnail = q.number(20) != 0;
  r.sprites = sprites_from(q.text(21));
  r.owner.avatar = q.text(22);
  r.call_id = q.text(23);
  r.co_owner = {q.text(24), q.text(25), WallTime{q.number(26)}, q.text(27)};
  return r;
}

RecordingColumnsRow columns_of(const Query& q) {
  RecordingColumnsRow row;
  row.number = q.number(0);
  row.started_at = {q.number(1)};
  row.duration = Duration::micros(q.number(2));
  row.owner_id = q.text(3);
  row.co_owner_id = q.text(4);
  row.presenter = q.text(5);
  row.title = q.text(6);
  row.location = q.text(7);
  row.bytes = static_cast<uint64_t>(q.number(8));
  row.visibility = static_cast<app::Visibility>(q.number(9));
  row.state = static_cast<RecordingState>(q.number(10));
  row.removing = q.number(11) != 0;
  row.of_call = !q.text(12).empty();
  row.other = q.text(13);
  return row;
}

}  // namespace

SqliteRecordings::SqliteRecordings(SqliteConnection& db) : db_(db) { db_.watch("recordings"); }

Status SqliteRecordings::finish(Query& query) {
  if (query.step() != SQLITE_DONE) return db_.error();
  return ok();
}

Status SqliteRecordings::add_recording(const Recording& r) {
  Query query = db_.query(kAdd);
  query.bind(r.id).bind(r.owner.id).bind(r.co_owner_id).bind(r.broadcast_id);
  query.bind(r.title).bind(r.started_at.us).bind(r.location);
  query.bind(int64_t{static_cast<uint8_t>(r.visibility)});
  query.bind(int64_t{static_cast<uint8_t>(r.state)}).bind(r.call_id);
  return finish(query);
}

Expected<Recording> SqliteRecordings::find_recording(const std::string& id) {
  Query query = db_.query(kFindById);
  const int rc = query.bind(id).step();
  if (rc == SQLITE_DONE) return app::make_error(app::Code::kNotFound);
  if (rc != SQLITE_ROW) return db_.error();
  return recording_of(query);
}

Expected<app::RecordingPage> SqliteRecordings::list_recordings(const app::RecordingFilter& filter,
                                                               uint64_t offset, uint32_t limit) {
  if (const Status fresh = refresh(); !fresh) return fresh.error();
  const auto found = columns_.find(filter, offset, limit);
  app::RecordingPage page;
  page.total = found.total;
  for (const int64_t number : found.numbers) {
    Query query = db_.query(kFindByNumber);
    if (query.bind(number).step() != SQLITE_ROW) return db_.error();
    page.recordings.push_back(recording_of(query));
  }
  return page;
}

Status SqliteRecordings::edit_recording(const std::string& id, const app::RecordingEdit& edit) {
  const std::string none;
  const auto visibility = static_cast<uint8_t>(edit.visibility.value_or(app::Visibility::kPublic));
  Query query = db_.query(kEdit);
  query.bind(int64_t{edit.title.has_value()}).bind(edit.title ? *edit.title : none);
  query.bind(int64_t{edit.comments.has_value()}).bind(edit.comments ? *edit.comments : none);
  query.bind(int64_t{edit.visibility.has_value()}).bind(int64_t{visibility}).bind(id);
  return finish(query);
}

Status SqliteRecordings::set_recording_state(const std::string& id, RecordingState state) {
  Query query = db_.query(kSetState);
  query.bind(int64_t{static_cast<uint8_t>(state)}).bind(id);
  return finish(query);
}

Status SqliteRecordings::finish_recording(const std::string& id, RecordingState state,
                                          const app::RecordingFacts& facts) {
  Query query = db_.query(kFinish);
  query.bind(int64_t{static_cast<uint8_t>(state)}).bind(facts.duration.us());
  query.bind(int64_t{facts.width}).bind(int64_t{facts.height});
  query.bind(facts.video_codec).bind(facts.audio_codec);
  query.bind(static_cast<int64_t>(facts.bytes)).bind(facts.file).bind(id);
  return finish(query);
}

Status SqliteRecordings::set_recording_pictures(const std::string& id, bool thumbnail,
                                                const std::optional<app::SpriteSheet>& sprites) {
  const std::string text = to_text(sprites);
  Query query = db_.query(kSetPictures);
  query.bind(int64_t{thumbnail}).bind(text).bind(text).bind(id);
  return finish(query);
}

Status SqliteRecordings::set_recording_removing(const std::string& id, bool removing) {
  Query query = db_.query(kSetRemoving);
  query.bind(int64_t{removing}).bind(id);
  return finish(query);
}

Status SqliteRecordings::remove_recording(const std::string& id) {
  Query query = db_.query(kRemove);
  query.bind(id);
  return finish(query);
}

Expected<std::vector<Recording>> SqliteRecordings::unfinished_recordings() {
  std::vector<Recording> all;
  Query query = db_.query(kUnfinished);
  int rc = SQLITE_ROW;
  while ((rc = query.step()) == SQLITE_ROW) all.push_back(recording_of(query));
  if (rc != SQLITE_DONE) return db_.error();
  return all;
}

Expected<app::RecordingUsage> SqliteRecordings::recording_usage(
    const std::optional<std::string>& owner_id) {
  if (const Status fresh = refresh(); !fresh) return fresh.error();
  return columns_.usage(owner_id);
}

Expected<app::RecordingQuota> SqliteRecordings::recording_quota(const std::string& user_id) {
  app::RecordingQuota quota;
  Query query = db_.query(kQuota);
  const int rc = query.bind(user_id).step();
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return db_.error();
  if (rc == SQLITE_DONE) return quota;
  if (query.number(0) >= 0) quota.bytes = static_cast<uint64_t>(query.number(0));
  if (query.number(1) >= 0) quota.time = Duration::seconds(query.number(1));
  return quota;
}

Expected<std::vector<app::OwnerUsage>> SqliteRecordings::usage_by_owner() {
  if (const Status fresh = refresh(); !fresh) return fresh.error();
  return columns_.usage_by_owner();
}

Expected<std::vector<app::OldRecording>> SqliteRecordings::oldest_recordings(
    const std::optional<std::string>& owner_id, uint32_t limit) {
  std::vector<app::OldRecording> oldest;
  Query query = db_.query(owner_id ? kOldestOf : kOldest);
  if (owner_id) query.bind(*owner_id);
  query.bind(int64_t{limit});
  int rc = SQLITE_ROW;
  while ((rc = query.step()) == SQLITE_ROW)
    oldest.push_back(
        {query.text(0), {query.number(1)}, static_cast<uint64_t>(query.number(2)), query.text(3)});
  if (rc != SQLITE_DONE) return db_.error();
  return oldest;
}

Expected<app::LinkKey> SqliteRecordings::link_key(const app::LinkKey& fresh) {
  {
    Query query = db_.query(kKeepLinkKey);
    if (const Status kept = finish(query.bind(Bytes(fresh))); !kept) return kept.error();
  }
  Query query = db_.query(kLinkKey);
  if (query.step() != SQLITE_ROW) return db_.error();
  const std::string value = query.text(0);
  app::LinkKey key{};
  if (value.size() != key.size())
    return app::make_error(app::Code::kStoreUnavailable, "the key of links is damaged");
  std::copy(value.begin(), value.end(), key.begin());
  return key;
}

Status SqliteRecordings::refresh() {
  int64_t version = 0;
  {
    // Changes when another connection has committed something.
    Query query = db_.query("PRAGMA data_version");
    if (query.step() != SQLITE_ROW) return db_.error();
    version = query.number(0);
  }
  const auto changed = db_.take_changed_rows();
  if (version != data_version_) {
    data_version_ = -1;
    if (Status done = reload(); !done) return done;
    data_version_ = version;
    return ok();
  }
  for (const int64_t number : changed) {
    const Status done = refresh_row(number);
    if (done) continue;
    data_version_ = -1;  // all of them the next time
    return done;
  }
  return ok();
}

Status SqliteRecordings::reload() {
  columns_.clear();
  Query query = db_.query(kAllColumns);
  int rc = SQLITE_ROW;
  while ((rc = query.step()) == SQLITE_ROW) columns_.put(columns_of(query));
  if (rc != SQLITE_DONE) return db_.error();
  return ok();
}

Status SqliteRecordings::refresh_row(int64_t number) {
  Query query = db_.query(kColumnsOf);
  const int rc = query.bind(number).step();
  if (rc == SQLITE_ROW)
    columns_.put(columns_of(query));
  else if (rc == SQLITE_DONE)
    columns_.remove(number);
  else
    return db_.error();
  return ok();
}

}  // namespace loopcast::store
