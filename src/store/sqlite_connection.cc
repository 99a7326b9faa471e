#include "store/sqlite_connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "app/messages.h"
#include "app/nickname.h"
#include "app/unicode.h"

namespace loopcast::store {
namespace {

// How long a statement waits for another connection's write: longer than any of ours takes.
constexpr int kBusyTimeoutMs = 5000;

Error unavailable(std::string_view detail) {
  return app::make_error(app::Code::kStoreUnavailable, detail);
}

// nickname_key(nickname, otherwise), for migrations: `otherwise` if nobody could have the nickname.
void nickname_key(sqlite3_context* context, int, sqlite3_value** arguments) {
  const auto* data = reinterpret_cast<const char*>(sqlite3_value_text(arguments[0]));
  const auto size = static_cast<size_t>(sqlite3_value_bytes(arguments[0]));
  const auto nickname = app::parse_nickname({data == nullptr ? "" : data, size});
  if (nickname)
    sqlite3_result_text(context, nickname->key.data(), static_cast<int>(nickname->key.size()),
                        SQLITE_TRANSIENT);
  else
    sqlite3_result_value(context, arguments[1]);
}

// skeleton(text), for migrations.
void skeleton(sqlite3_context* context, int, sqlite3_value** arguments) {
  const auto* data = reinterpret_cast<const char*>(sqlite3_value_text(arguments[0]));
  const auto size = static_cast<size_t>(sqlite3_value_bytes(arguments[0]));
  const std::string made = app::confusable_skeleton({data == nullptr ? "" : data, size});
  sqlite3_result_text(context, made.data(), static_cast<int>(made.size()), SQLITE_TRANSIENT);
}

}  // namespace

Query::~Query() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

// The bound memory outlives the query (the header asks for it): SQLITE_STATIC saves a copy.
Query& Query::bind(std::string_view text) {
  // An empty view may be a null pointer, which SQLite would take for NULL.
  const char* data = text.empty() ? "" : text.data();
  const int rc =
      sqlite3_bind_text(statement_, next_++, data, static_cast<int>(text.size()), SQLITE_STATIC);
  if (rc != SQLITE_OK) bind_error_ = rc;
  return *this;
}

Query& Query::bind(Bytes blob) {
  const int rc = sqlite3_bind_blob(statement_, next_++, blob.data(), static_cast<int>(blob.size()),
                                   SQLITE_STATIC);
  if (rc != SQLITE_OK) bind_error_ = rc;
  return *this;
}

Query& Query::bind(int64_t number) {
  const int rc = sqlite3_bind_int64(statement_, next_++, number);
  if (rc != SQLITE_OK) bind_error_ = rc;
  return *this;
}

int Query::step() {
  if (statement_ == nullptr) return SQLITE_ERROR;
  return bind_error_ != SQLITE_OK ? bind_error_ : sqlite3_step(statement_);
}

std::string Query::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (data == nullptr) return {};
  return std::string(data, static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
}

std::string Query::blob(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  if (data == nullptr) return {};
  return std::string(data, static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
}

int64_t Query::number(int column) const { return sqlite3_column_int64(statement_, column); }

Expected<std::unique_ptr<SqliteConnection>> SqliteConnection::open(const std::string& path) {
  // SQLite would make the file readable by everybody, and gives its log the file's permissions.
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0) ::close(fd);

  sqlite3* raw = nullptr;
  const int rc =
      sqlite3_open_v2(path.c_str(), &raw,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(raw));
  if (rc != SQLITE_OK) return unavailable(sqlite3_errstr(rc));
  sqlite3_busy_timeout(raw, kBusyTimeoutMs);
  sqlite3_create_function_v2(raw, "nickname_key", 2,
                             SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, nullptr,
                             nickname_key, nullptr, nullptr, nullptr);
  sqlite3_create_function_v2(raw, "skeleton", 1,
                             SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, nullptr,
                             skeleton, nullptr, nullptr, nullptr);
  // Accounts are written rarely and must be there after a power cut: every commit reaches the disk.
  const Status configured = connection->execute(
      "PRAGMA journal_mode = WAL;"
      "PRAGMA synchronous = FULL;"
      "PRAGMA foreign_keys = ON;"
      "PRAGMA trusted_schema = OFF");
  if (!configured) return configured.error();
  return connection;
}

Expected<int64_t> SqliteConnection::user_version() {
  Query version = query("PRAGMA user_version");
  if (version.step() != SQLITE_ROW) return error();
  return version.number(0);
}

Status SqliteConnection::migrate(std::span<const Migration> steps) {
  const int newest = steps.empty() ? 0 : steps.back().version;
  for (const Migration& step : steps) {
    Transaction transaction(*this);
    if (!transaction.begun()) return transaction.begun();
    // Inside the transaction: another process may be doing the same.
    const Expected<int64_t> version = user_version();
    if (!version) return version.error();
    if (*version > newest)
      return app::make_error(
          app::Code::kStoreTooNew,
          fmt::format("the database has version {}, this program knows {}", *version, newest));
    if (*version >= step.version) continue;
    if (Status done = execute(step.sql); !done) return done;
    const std::string set_version = fmt::format("PRAGMA user_version = {}", step.version);
    if (Status done = execute(set_version.c_str()); !done) return done;
    if (Status done = transaction.commit(); !done) return done;
  }
  return ok();
}

Query SqliteConnection::query(const char* sql) {
  auto& statement = statements_[sql];
  if (!statement) {
    sqlite3_stmt* raw = nullptr;
    sqlite3_prepare_v3(db_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    statement.reset(raw);
  }
  return Query(statement.get());
}

Status SqliteConnection::execute(const char* sql) {
  if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error();
  return ok();
}

Error SqliteConnection::error() const { return unavailable(sqlite3_errmsg(db_.get())); }

void SqliteConnection::watch(const char* table) {
  watched_ = table;
  sqlite3_update_hook(db_.get(), &SqliteConnection::on_change, this);
}

void SqliteConnection::on_change(void* self, int, const char*, const char* table,
                                 sqlite3_int64 row) {
  auto& connection = *static_cast<SqliteConnection*>(self);
  if (std::string_view(table) == connection.watched_) connection.changed_rows_.push_back(row);
}

Transaction::~Transaction() {
  if (begun_ && !committed_) (void)db_.execute("ROLLBACK");
}

Status Transaction::commit() {
  Status done = db_.execute("COMMIT");
  committed_ = done.has_value();
  return done;
}

}  // namespace loopcast::store
