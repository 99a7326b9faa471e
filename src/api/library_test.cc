#include "api/library.h"

#include <filesystem>
#include <map>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/messages.h"
#include "store/sqlite_store.h"

namespace loopcast::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Does what it is asked for when the test says so.
struct FakeRecorder final : app::Recorder {
  void start(const std::string& id, app::MediaId) override { started.push_back(id); }
  void finish(const std::string& id) override { finishing.push_back(id); }
  void remove(const std::string& id) override { removing.push_back(id); }
  std::vector<std::string> started, finishing, removing;
};

// A database that can be made to refuse, as one on a full disk does.
class StubbornStore final : public app::RecordingStore {
 public:
  explicit StubbornStore(app::RecordingStore& real) : real_(real) {}
  Status add_recording(const app::Recording& r) override {
    if (refuse > 0) return --refuse, app::make_error(app::Code::kStoreUnavailable, "full");
    return real_.add_recording(r);
  }
  Expected<app::Recording> find_recording(const std::string& id) override {
    return real_.find_recording(id);
  }
  Expected<app::RecordingPage> list_recordings(const app::RecordingFilter& filter, uint64_t offset,
                                               uint32_t limit) override {
    return real_.list_recordings(filter, offset, limit);
  }
  Status edit_recording(const std::string& id, const app::RecordingEdit& edit) override {
    return real_.edit_recording(id, edit);
  }
  Status set_recording_state(const std::string& id, app::RecordingState state) override {
    return real_.set_recording_state(id, state);
  }
  Status finish_recording(const std::string& id, app::RecordingState state,
                          const app::RecordingFacts& facts) override {
    return real_.finish_recording(id, state, facts);
  }
  Status set_recording_pictures(const std::string& id, bool thumbnail,
                                const std::optional<app::SpriteSheet>& sprites) override {
    return real_.set_recording_pictures(id, thumbnail, sprites);
  }
  Status set_recording_removing(const std::string& id, bool removing) override {
    return real_.set_recording_removing(id, removing);
  }
  Status remove_recording(const std::string& id) override { return real_.remove_recording(id); }
  Expected<std::vector<app::Recording>> unfinished_recordings() override {
    return real_.unfinished_recordings();
  }
  Expected<app::RecordingUsage> recording_usage(const std::optional<std::string>& user) override {
    return real_.recording_usage(user);
  }
  Status begin_writes() override { return ++batches, real_.begin_writes(); }
  Status end_writes() override { return real_.end_writes(); }
  void cancel_writes() override { real_.cancel_writes(); }
  Expected<app::RecordingQuota> recording_quota(const std::string& user) override {
    return real_.recording_quota(user);
  }
  Expected<std::vector<app::OwnerUsage>> usage_by_owner() override {
    return real_.usage_by_owner();
  }
  Expected<std::vector<app::OldRecording>> oldest_recordings(
      const std::optional<std::string>& owner, uint32_t limit) override {
    return real_.oldest_recordings(owner, limit);
  }
  Expected<app::LinkKey> link_key(const app::LinkKey& fresh) override {
    return real_.link_key(fresh);
  }
  int refuse = 0;
  int batches = 0;

 private:
  app::RecordingStore& real_;
};

class LibraryTest : public testing::Test {
 protected:
  LibraryTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "library-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    auto opened = store::SqliteStore::open((folder_ / "test.db").string());
    EXPECT_TRUE(opened);
    sqlite_ = std::move(*opened);
    EXPECT_TRUE(sqlite_->add_user({{"alice", "Alice", {}}, "alice", "hash"}));
    EXPECT_TRUE(sqlite_->add_user({{"bob", "Bob", {}}, "bob", "hash"}));
    options_.retention.age = Duration::seconds(86'400);
    options_.quota = {10'000, Duration::seconds(100)};
    store_ = std::make_unique<StubbornStore>(sqlite_->recordings());
    LibraryPorts ports;
    ports.now = [this] { return now_; };
    ports.wall_now = [this] { return WallTime{1'700'000'000'000'000 + now_.us()}; };
    ports.locate = [](const IpAddress& address) { return "at " + address.to_string(); };
    ports.read_sprites = [](const std::string&) { return app::SpriteSheet{2, 1, 1, 160, 90, 1}; };
    ports.written = [this](const std::string& id) { return written_[id]; };
    ports.session_holds = [this](const app::LinkHolder& holder) {
      return Expected<bool>(holder.session == session_);
    };
    ports.tell = [this](const app::RecordingNotice& notice) {
      const auto row = store_->find_recording(notice.id);
      const bool told_first = !row || name_of(row->state) != notice.state;
      told_.push_back(notice.state + (notice.trouble ? " " + notice.trouble->code : "") +
                      (told_first && notice.state != "removed" ? " early" : ""));
    };
    ports.audit = [this](const AuditEntry& entry) {
      audited_.push_back(std::string(entry.what) + " " + entry.user_id + " " + entry.detail);
    };
    ports.log = [this](const std::string& text) { log_ += text + "\n"; };
    ports.log_expired = [this](const std::string& text) { expired_ += text + "\n"; };
    library_ =
        std::make_unique<Library>(context_, *store_, recordings_, database_, options_, ports);
    EXPECT_TRUE(library_->start({}));
  }
  ~LibraryTest() override {
    context_.stop();
    database_.join();
    library_.reset();
    std::filesystem::remove_all(folder_);
  }

  app::AirChange change(const std::string& broadcast, bool on_air) {
    app::AirChange change;
    change.broadcast_id = broadcast;
    change.user = {"alice", "Alice", "/avatars/a.svg"};
    change.on_air = on_air;
    change.media = 7;
    change.address = IpAddress::v4(192, 0, 2, 1);
    return change;
  }
  // Until nothing is left to do.
  void run() {
    context_.restart();
    http::asio::co_spawn(context_, library_->settle(), http::asio::detached);
    context_.run();
  }
  template <typename T>
  static http::Task<> keep(http::Task<T> task, std::optional<T>& result) {
    result.emplace(co_await std::move(task));
  }
  template <typename T>
  T await(http::Task<T> task) {
    std::optional<T> result;
    http::asio::co_spawn(context_, keep(std::move(task), result), http::asio::detached);
    context_.restart();
    while (!result) context_.run_one();
    return std::move(*result);
  }
  // What the recorder says as soon as it is asked to remove something.
  http::Task<> answer_removal(std::string id, Status done) {
    while (recorder_.removing.empty()) {
      http::Timer soon(context_, std::chrono::milliseconds(1));
      co_await soon.async_wait(http::use_task);
    }
    recorder_.removing.clear();
    library_->handle(app::RecordingRemoved{std::move(id), std::move(done)});
  }
  app::RecordingFinished finished(const std::string& id, uint64_t bytes = 1000) {
    app::RecordingFacts facts;
    facts.file = id + ".mp4";
    facts.duration = Duration::seconds(5);
    facts.bytes = bytes;
    return {id, facts, false};
  }
  std::string record(const std::string& broadcast) {
    library_->air_changed(change(broadcast, true));
    const std::string id = recorder_.started.back();
    library_->air_changed(change(broadcast, false));
    library_->handle(finished(id));
    run();
    return id;
  }

  std::filesystem::path folder_;
  Instant now_ = Instant::from_us(1'000'000);
  LibraryOptions options_;
  http::asio::io_context context_;
  http::Pool database_{1};
  std::unique_ptr<store::SqliteStore> sqlite_;
  std::unique_ptr<StubbornStore> store_;
  FakeRecorder recorder_;
  app::Recordings recordings_{recorder_, Random::from_number(3).fork()};
  std::unique_ptr<Library> library_;
  std::map<std::string, uint64_t> written_;
  std::string session_ = "phone";
  std::vector<std::string> told_, audited_;
  std::string log_, expired_;
};

TEST_F(LibraryTest, WritesDownBeforeItTells) {
  library_->air_changed(change("b1", true));
  run();
  const std::string id = recorder_.started.at(0);
  const auto row = store_->find_recording(id);
  ASSERT_TRUE(row);
  EXPECT_EQ(row->title, "Alice");
  EXPECT_EQ(row->location, "at 192.0.2.1");
  library_->air_changed(change("b1", false));
  EXPECT_THAT(recorder_.finishing, ElementsAre(id));
  library_->handle(finished(id));
  library_->handle(app::RecordingPictures{id, true, true});
  run();
  EXPECT_EQ(store_->find_recording(id)->state, app::RecordingState::kReady);
  EXPECT_EQ(store_->find_recording(id)->sprites->width, 160u);
  EXPECT_EQ(told_.front(), "recording");
  EXPECT_EQ(told_.back(), "ready");
}

TEST_F(LibraryTest, AFullDiskIsTriedAgainAndSaid) {
  store_->refuse = 1;
  library_->air_changed(change("b1", true));
  const std::string id = recorder_.started.at(0);
  library_->handle(app::RecordingTrouble{id, app::make_error(app::Code::kDiskFull)});
  EXPECT_THAT(told_, ElementsAre("recording disk_full early")) << "at once";
  run();
  EXPECT_TRUE(store_->find_recording(id)) << "the second time";
  EXPECT_EQ(library_->writes_failed(), 1u);
  EXPECT_FALSE(library_->failing());
  EXPECT_THAT(log_, HasSubstr("full"));
}

TEST_F(LibraryTest, WhatBeganMeanwhileIsWrittenDownTogether) {
  for (int i = 0; i < 20; ++i) {
    library_->air_changed(change("b" + std::to_string(i), true));
    library_->air_changed(change("b" + std::to_string(i), false));
  }
  run();
  EXPECT_LE(store_->batches, 3) << "commits that wait for the disk";
  EXPECT_EQ(store_->recording_usage("alice")->count, 20u);
}

TEST_F(LibraryTest, ABatchThatFailsChangesNothing) {
  store_->refuse = 1;
  library_->air_changed(change("b1", true));
  const std::string first = recorder_.started.at(0);
  library_->air_changed(change("b2", true));
  run();
  EXPECT_TRUE(store_->find_recording(first));
  EXPECT_TRUE(store_->find_recording(recorder_.started.at(1)));
  EXPECT_EQ(library_->writes_failed(), 1u);
}

TEST_F(LibraryTest, ARecordingEndsWhenItsOwnersRoomIsUsedUp) {
  library_->air_changed(change("b1", true));
  run();
  const std::string id = recorder_.started.at(0);
  const auto look = [&](uint64_t bytes) {
    written_[id] = bytes;
    http::asio::co_spawn(context_, library_->check_quotas(), http::asio::detached);
    run();
    return told_.back();
  };
  EXPECT_EQ(look(8999), "recording");
  EXPECT_EQ(look(9000), "recording quota_near");
  const size_t told = told_.size();
  look(9500);
  EXPECT_EQ(told_.size(), told) << "once";
  EXPECT_TRUE(recorder_.finishing.empty());
  look(10'000);
  EXPECT_THAT(told_, testing::Contains(HasSubstr("quota_reached")));
  EXPECT_THAT(recorder_.finishing, ElementsAre(id));
  EXPECT_THAT(audited_, ElementsAre("recording_quota alice " + id));
  written_.clear();
  library_->handle(finished(id, 10'000));
  run();
  // What is live goes on, and what begins now is not recorded, with the reason.
  told_.clear();
  library_->air_changed(change("b2", true));
  run();
  EXPECT_EQ(recorder_.started.size(), 1u);
  EXPECT_THAT(told_, ElementsAre("removed quota_reached"));
  // Until there is room again.
  EXPECT_TRUE(store_->remove_recording(id));
  library_->air_changed(change("b3", true));
  run();
  library_->air_changed(change("b4", true));
  run();
  EXPECT_GE(recorder_.started.size(), 2u);
}

TEST_F(LibraryTest, TimeCountsAsWellAsBytes) {
  library_->air_changed(change("b1", true));
  run();
  now_ = now_ + Duration::seconds(95);
  http::asio::co_spawn(context_, library_->check_quotas(), http::asio::detached);
  run();
  EXPECT_EQ(told_.back(), "recording quota_near");
  EXPECT_EQ(await(library_->room("alice"))->used.time, Duration::seconds(95));
}

TEST_F(LibraryTest, WhoseAccountGoesMeanwhileLeavesNothing) {
  auto gone = change("b1", true);
  gone.user = {"carol", "Carol", "/avatars/c.svg"};
  library_->air_changed(gone);
  run();
  EXPECT_TRUE(store_->find_recording(recorder_.started.at(0))->removing);
}

TEST_F(LibraryTest, WhoAsksForADeletionHearsOfItsEnd) {
  const std::string id = record("b1");
  const auto answer = [&](Status done) {
    http::asio::co_spawn(context_, answer_removal(id, std::move(done)), http::asio::detached);
    return await(library_->remove("alice", id));
  };
  const Status failed = answer(app::make_error(app::Code::kRecordingStorage));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "recording_storage");
  run();
  EXPECT_FALSE(store_->find_recording(id)->removing) << "there as before";
  EXPECT_TRUE(answer(ok()));
  run();
  EXPECT_FALSE(store_->find_recording(id));
}

TEST_F(LibraryTest, ACallIsRecordedForTwoWhileBothWantIt) {
  auto call = change("b1", true);
  call.record = false;
  call.listed = false;
  library_->record_call({"b1", "alice", "bob", true, "call-1"});
  EXPECT_TRUE(recorder_.started.empty()) << "not on air";
  library_->air_changed(call);
  EXPECT_TRUE(recorder_.started.empty());
  library_->record_call({"b1", "alice", "bob", true, "call-1"});
  run();
  const std::string id = recorder_.started.at(0);
  EXPECT_EQ(store_->find_recording(id)->co_owner_id, "bob");
  EXPECT_EQ(store_->find_recording(id)->co_owner.nickname, "Bob");
  EXPECT_EQ(store_->find_recording(id)->call_id, "call-1");
  EXPECT_EQ(store_->find_recording(id)->visibility, app::Visibility::kPrivate);
  library_->record_call({"b1", "alice", "bob", false, "call-1"});
  EXPECT_THAT(recorder_.finishing, ElementsAre(id));
}

TEST_F(LibraryTest, WhatIsMarkedAndForgottenGoesWithTheNextRound) {
  const std::string id = record("b1");
  EXPECT_TRUE(store_->set_recording_removing(id, true));
  http::asio::co_spawn(context_, library_->expire(), http::asio::detached);
  run();
  EXPECT_THAT(recorder_.removing, ElementsAre(id));
  library_->handle(app::RecordingRemoved{id, ok()});
  run();
  EXPECT_FALSE(store_->find_recording(id));
}

TEST_F(LibraryTest, WhatRetentionDeletesIsWrittenDown) {
  const std::string id = record("b1");
  now_ = now_ + Duration::seconds(86'500);
  record("b2");
  http::asio::co_spawn(context_, library_->expire(), http::asio::detached);
  run();
  EXPECT_THAT(recorder_.removing, ElementsAre(id));
  EXPECT_THAT(audited_, ElementsAre("recording_expiry alice " + id));
}

TEST_F(LibraryTest, LinksLeadToWhatTheirUserMaySee) {
  const std::string id = record("b1");
  const std::string link = library_->link(id + ".mp4", {"bob", "phone"});
  const auto part = [&](const std::string& name) {
    const size_t at = link.find(name + "=") + 2;
    return link.substr(at, link.find('&', at) - at);
  };
  const auto follow = [&](const std::string& user) {
    const auto found =
        await(library_->follow(id + ".mp4", part("e"), {user, part("k")}, part("s")));
    return found ? "fine" : found.error().code;
  };
  EXPECT_EQ(follow("bob"), "fine");
  EXPECT_EQ(follow("carol"), "forbidden");
  session_ = "another";
  EXPECT_EQ(follow("bob"), "forbidden") << "signed out";
  session_ = "phone";
  EXPECT_TRUE(store_->edit_recording(id, {{}, {}, app::Visibility::kPrivate}));
  EXPECT_EQ(follow("bob"), "not_found");
  now_ = now_ + Duration::seconds(8 * 3600);
  EXPECT_EQ(follow("bob"), "forbidden") << "expired";
}

}  // namespace
}  // namespace loopcast::api
