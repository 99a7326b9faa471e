// The RecordingStore on SQLite.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/recording_store.h"
#include "store/recording_columns.h"
#include "store/sqlite_connection.h"

namespace loopcast::store {

class SqliteRecordings final : public app::RecordingStore {
 public:
  // `db` outlives this, and is the only connection of this program that changes recordings. What
  // other programs change is noticed too, but costs reading all rows again.
  explicit SqliteRecordings(SqliteConnection& db);

  Status begin_writes() override { return db_.execute("BEGIN IMMEDIATE"); }
  Status end_writes() override { return db_.execute("COMMIT"); }
  void cancel_writes() override { (void)db_.execute("ROLLBACK"); }
  Status add_recording(const app::Recording& recording) override;
  Expected<app::Recording> find_recording(const std::string& id) override;
  Expected<app::RecordingPage> list_recordings(const app::RecordingFilter& filter, uint64_t offset,
                                               uint32_t limit) override;
  Status edit_recording(const std::string& id, const app::RecordingEdit& edit) override;
  Status set_recording_state(const std::string& id, app::RecordingState state) override;
  Status finish_recording(const std::string& id, app::RecordingState state,
                          const app::RecordingFacts& facts) override;
  Status set_recording_pictures(const std::string& id, bool thumbnail,
                                const std::optional<app::SpriteSheet>& sprites) override;
  Status set_recording_removing(const std::string& id, bool removing) override;
  Status remove_recording(const std::string& id) override;
  Expected<std::vector<app::Recording>> unfinished_recordings() override;
  Expected<app::RecordingUsage> recording_usage(
      const std::optional<std::string>& owner_id) override;
  Expected<app::RecordingQuota> recording_quota(const std::string& user_id) override;
  Expected<std::vector<app::OwnerUsage>> usage_by_owner() override;
  Expected<std::vector<app::OldRecording>> oldest_recordings(
      const std::optional<std::string>& owner_id, uint32_t limit) override;
  Expected<app::LinkKey> link_key(const app::LinkKey& fresh) override;

 private:
  Status finish(Query& query);
  // Brings the columns up to date with the table.
  Status refresh();
  Status reload();
  Status refresh_row(int64_t number);

  SqliteConnection& db_;
  RecordingColumns columns_;
  int64_t data_version_ = -1;  // of the database, when the columns were read
};

}  // namespace loopcast::store
