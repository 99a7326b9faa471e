// A thin layer over the sqlite3 C API: a connection, its prepared statements, and what its result
// codes mean.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sqlite3.h>

#include "base/bytes.h"
#include "base/expected.h"
#include "store/migrations.h"

namespace loopcast::store {

// One run of a prepared statement: bind in order, step, read columns. Resets the statement at its
// end, so that no read transaction stays open.
class Query {
 public:
  explicit Query(sqlite3_stmt* statement) : statement_(statement) {}
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  // What is bound must outlive this.
  Query& bind(std::string_view text);
  Query& bind(Bytes blob);
  Query& bind(int64_t number);

  // SQLITE_ROW, SQLITE_DONE or an (extended) error.
  int step();
  std::string text(int column) const;
  std::string blob(int column) const;
  int64_t number(int column) const;

 private:
  sqlite3_stmt* statement_;  // null: could not be prepared, and every step says so
  int next_ = 1;
  int bind_error_ = SQLITE_OK;
};

class SqliteConnection {
 public:
  // Opens or makes the file. Errors: store_unavailable.
  static Expected<std::unique_ptr<SqliteConnection>> open(const std::string& path);

  // Brings the database from its version to the last of `steps`. Errors: store_unavailable,
  // store_too_new.
  Status migrate(std::span<const Migration> steps);

  // `sql` must be a string literal: its address is the key of the cache of prepared statements.
  Query query(const char* sql);
  // Statements without parameters and results.
  Status execute(const char* sql);
  // store_unavailable with what SQLite says of its last call.
  Error error() const;
  // From now on the numbers of this table's rows that change through this connection are kept, by
  // whatever statement or trigger, also if that is rolled back. `table` must be a string literal.
  void watch(const char* table);
  std::vector<int64_t> take_changed_rows() { return std::exchange(changed_rows_, {}); }
  uint64_t changes() const { return static_cast<uint64_t>(sqlite3_changes64(db_.get())); }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  explicit SqliteConnection(sqlite3* db) : db_(db) {}
  Expected<int64_t> user_version();

  static void on_change(void* self, int operation, const char* database, const char* table,
                        sqlite3_int64 row);

  const char* watched_ = nullptr;
  std::vector<int64_t> changed_rows_;
  std::unique_ptr<sqlite3, Close> db_;
  std::unordered_map<const char*, std::unique_ptr<sqlite3_stmt, Finalize>> statements_;
};

// BEGIN IMMEDIATE; ROLLBACK at the end of the scope unless committed.
class Transaction {
 public:
  explicit Transaction(SqliteConnection& db) : db_(db), begun_(db.execute("BEGIN IMMEDIATE")) {}
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  const Status& begun() const { return begun_; }
  Status commit();

 private:
  SqliteConnection& db_;
  Status begun_;
  bool committed_ = false;
};

}  // namespace loopcast::store
