// How long a list of recordings takes in a large library: fills a database (kept, if a path is
// given) and asks it as the pages do, count included.
//   recordings_query [rows] [database]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include <sqlite3.h>
#include <unistd.h>

#include "base/random.h"
#include "store/sqlite_store.h"

namespace loopcast {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kNewest = 1'800'000'000'000'000;  // microseconds since 1970
constexpr int64_t kDay = int64_t{24} * 3600 * 1'000'000;
constexpr int64_t kYears = 3 * 365 * kDay;
constexpr uint32_t kPresenters = 20'000;

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

std::string word(Random& random, size_t syllables) {
  static const char* const kSyllables[] = {"an", "be", "ri", "to", "mu", "ka", "len", "so",
                                           "vi", "da", "小", "明", "播", "海", "er",  "st"};
  std::string text;
  for (size_t i = 0; i < syllables; ++i)
    text += kSyllables[random.below(static_cast<uint32_t>(std::size(kSyllables)))];
  return text;
}

// Plain SQL: what is measured is reading.
void fill(const std::string& path, uint32_t rows) {
  sqlite3* db = nullptr;
  sqlite3_open(path.c_str(), &db);
  sqlite3_exec(db, "PRAGMA synchronous = OFF; BEGIN", nullptr, nullptr, nullptr);
  sqlite3_stmt* user = nullptr;
  sqlite3_prepare_v2(db,
                     "INSERT INTO users (id, nickname, nickname_key, password_hash, created_at) "
                     "VALUES (?1, ?2, ?2, 'hash', 0)",
                     -1, &user, nullptr);
  sqlite3_stmt* add = nullptr;
  sqlite3_prepare_v2(
      db,
      "INSERT INTO recordings (id, owner_id, presenter, broadcast_id, title, started_at, duration, "
      "width, height, video_codec, audio_codec, bytes, file, location, comments, visibility, state)"
      " VALUES (?1, ?2, ?3, 'b', ?4, ?5, ?6, 1280, 720, 'h264', 'opus', ?7, ?1 || '.mp4', ?8, '', "
      "?9, 2)",
      -1, &add, nullptr);
  const auto text = [](sqlite3_stmt* statement, int at, const std::string& value) {
    sqlite3_bind_text(statement, at, value.c_str(), static_cast<int>(value.size()),
                      SQLITE_TRANSIENT);
  };
  const auto run = [](sqlite3_stmt* statement) {
    if (sqlite3_step(statement) != SQLITE_DONE) std::puts("the database cannot be filled");
    sqlite3_reset(statement);
  };
  Random random = Random::from_number(1);
  std::vector<std::string> ids, names, places;
  for (uint32_t i = 0; i < kPresenters; ++i) {
    ids.push_back(random.token(22));
    names.push_back(word(random, 2 + random.below(3)) + std::to_string(i));
    text(user, 1, ids.back());
    text(user, 2, names.back());
    run(user);
  }
  for (int i = 0; i < 500; ++i) places.push_back(word(random, 3) + ", " + word(random, 2));
  for (uint32_t i = 0; i < rows; ++i) {
    // Some present often, most now and then.
    const auto who = static_cast<uint32_t>(random.unit() * random.unit() * kPresenters);
    text(add, 1, random.token(22));
    text(add, 2, ids[who]);
    text(add, 3, names[who]);
    text(add, 4, word(random, 4) + " " + word(random, 3) + " " + word(random, 4));
    sqlite3_bind_int64(add, 5, kNewest - kYears + kYears / rows * i);
    sqlite3_bind_int64(add, 6, static_cast<int64_t>(random.unit() * random.unit() * 7.2e9));
    sqlite3_bind_int64(add, 7, 1'000'000 + random.below(1'000'000'000));
    text(add, 8, random.below(10) == 0 ? "unknown" : places[random.below(500)]);
    sqlite3_bind_int64(add, 9, random.below(10) == 0 ? 2 : 0);
    run(add);
  }
  sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr);
  sqlite3_finalize(user);
  sqlite3_finalize(add);
  sqlite3_close(db);
}

// The same question in SQL, as well as an index can help it: for comparison.
double plain_sql(const std::string& path) {
  sqlite3* db = nullptr;
  sqlite3_open(path.c_str(), &db);
  sqlite3_exec(db,
               "CREATE INDEX IF NOT EXISTS bench_cover ON recordings (started_at, duration, "
               "location, presenter) WHERE visibility = 0 AND state = 2 AND removing = 0",
               nullptr, nullptr, nullptr);
  const char* sql =
      "SELECT count(*) FROM recordings WHERE visibility = 0 AND state = 2 AND removing = 0 AND "
      "duration >= 3000000000 AND instr(lower(presenter), 'ri') > 0";
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto begin = Clock::now();
    sqlite3_exec(db, sql, nullptr, nullptr, nullptr);
    best = std::min(best, milliseconds_since(begin));
  }
  sqlite3_exec(db, "DROP INDEX bench_cover", nullptr, nullptr, nullptr);
  sqlite3_close(db);
  return best;
}

// Of this thread: what other programs do on the machine counts less.
double processor_milliseconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

void measure(app::RecordingStore& store, const char* what, const app::RecordingFilter& filter,
             uint64_t offset = 0) {
  std::vector<double> times;
  uint64_t total = 0;
  const double processor = processor_milliseconds();
  for (int i = 0; i < 21; ++i) {
    const auto begin = Clock::now();
    const auto page = store.list_recordings(filter, offset, 24);
    times.push_back(milliseconds_since(begin));
    if (page) total = page->total;
  }
  const double spent = (processor_milliseconds() - processor) / 21;
  std::sort(times.begin(), times.end());
  std::printf("%-44s %7.2f ms p50 %7.2f ms max %7.2f ms of processor %9llu match\n", what,
              times[10], times.back(), spent, static_cast<unsigned long long>(total));
}

int run(uint32_t rows, const std::string& path) {
  const bool there = std::filesystem::exists(path);
  auto store = store::SqliteStore::open(path);
  if (!store) {
    std::puts(store.error().message.c_str());
    return 1;
  }
  auto begin = Clock::now();
  if (!there) {
    fill(path, rows);
    std::printf("%u rows written in %.0f ms\n", rows, milliseconds_since(begin));
  }
  app::RecordingStore& recordings = (*store)->recordings();
  begin = Clock::now();
  const double processor = processor_milliseconds();
  (void)recordings.recording_usage(std::nullopt);
  std::printf("reading the columns, once at start: %.0f ms, %.0f ms of processor\n",
              milliseconds_since(begin), processor_milliseconds() - processor);

  const WallTime from{kNewest - 365 * kDay};
  const WallTime to{kNewest - 180 * kDay};
  const auto long_one = Duration::seconds(1800);
  const auto short_one = Duration::seconds(3600);
  measure(recordings, "no filter", {});
  measure(recordings, "no filter, page 30,000", {}, 720'000);
  measure(recordings, "presenter", {.presenter = "ri"});
  measure(recordings, "presenter, one of all", {.presenter = "777"});
  measure(recordings, "presenter, none", {.presenter = "nobody"});
  measure(recordings, "text of two letters", {.text = "ri"});
  measure(recordings, "text of one letter", {.text = "r"});
  measure(recordings, "text of one Chinese character", {.text = "明"});
  measure(recordings, "text, rare", {.text = "kalensovi dabe"});
  measure(recordings, "text, none", {.text = "nothing like that"});
  measure(recordings, "location", {.location = "be"});
  measure(recordings, "time", {.from = from, .to = to});
  measure(recordings, "duration", {.min_duration = long_one, .max_duration = short_one});
  measure(recordings, "presenter, location, time, duration",
          {.presenter = "ri",
           .location = "be",
           .from = from,
           .to = to,
           .min_duration = long_one,
           .max_duration = short_one});
  measure(recordings, "everything at once",
          {.presenter = "ri",
           .text = "be",
           .location = "be",
           .from = from,
           .to = to,
           .min_duration = long_one,
           .max_duration = short_one});
  const auto newest = recordings.list_recordings({}, 0, 1);
  if (newest && !newest->recordings.empty())
    measure(recordings, "one's own", {.owned_by = newest->recordings.front().owner.id});

  // A change comes before the next list.
  begin = Clock::now();
  (void)recordings.edit_recording(newest->recordings.front().id, {.title = "changed"});
  const double wrote = milliseconds_since(begin);
  measure(recordings, "no filter, after a change", {});
  std::printf("a change: %.2f ms; plain SQL, one count with a covering index: %.1f ms\n", wrote,
              plain_sql(path));
  return 0;
}

}  // namespace
}  // namespace loopcast

int main(int argc, char** argv) {
  const auto rows = static_cast<uint32_t>(argc > 1 ? std::stoul(argv[1]) : 1'000'000);
  if (argc > 2) return loopcast::run(rows, argv[2]);
  std::string pattern = (std::filesystem::temp_directory_path() / "recordings-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) return 1;
  const int status = loopcast::run(rows, pattern + "/bench.db");
  std::filesystem::remove_all(pattern);
  return status;
}
