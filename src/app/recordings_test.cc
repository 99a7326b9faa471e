#include "app/recordings.h"

#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/messages.h"

namespace loopcast::app {
namespace {

using testing::ElementsAre;

constexpr WallTime kWall{1'700'000'000'000'000};

// Remembers what it was asked for.
struct FakeRecorder final : Recorder {
  void start(const std::string& id, MediaId publisher) override {
    calls.push_back("start " + std::to_string(publisher));
    last = id;
  }
  void finish(const std::string& id) override {
    calls.emplace_back("finish");
    last = id;
  }
  void remove(const std::string& id) override {
    calls.emplace_back("remove");
    last = id;
  }
  std::vector<std::string> calls;
  std::string last;
};

Instant at(double seconds) { return Instant::from_us(static_cast<int64_t>(seconds * 1e6)); }

RecordingStart start_of(const std::string& user, const std::string& broadcast, MediaId media,
                        const std::string& replaces = {}) {
  RecordingStart start;
  start.replaces = replaces;
  start.broadcast_id = broadcast;
  start.publisher = media;
  start.owner = {"id-" + user, user, "/avatars/x.svg"};
  start.title = user;
  start.location = "Berlin, Germany";
  return start;
}

RecordingFinished finished(const std::string& id, double seconds, bool damaged = false) {
  RecordingFacts facts;
  facts.file = id + ".mp4";
  facts.duration = Duration::micros(static_cast<int64_t>(seconds * 1e6));
  facts.bytes = 1000;
  return {id, facts, damaged};
}

class RecordingsTest : public testing::Test {
 protected:
  // The writes so far, by name.
  std::vector<std::string> writes() {
    struct Name {
      std::string operator()(const AddRecording& w) { return "add " + w.recording.title; }
      std::string operator()(const SetRecordingState& w) {
        return "state " + std::string(name_of(w.state));
      }
      std::string operator()(const FinishRecording& w) {
        return "finish " + std::string(name_of(w.state));
      }
      std::string operator()(const SetRecordingPictures& w) {
        return std::string("pictures") + (w.thumbnail ? " t" : "") + (w.sprites ? " s" : "");
      }
      std::string operator()(const MarkRecording&) { return "mark"; }
      std::string operator()(const RestoreRecording&) { return "restore"; }
      std::string operator()(const RemoveRecording&) { return "remove"; }
    };
    std::vector<std::string> names;
    RecordingWrite write;
    while (recordings_.poll_write(write)) names.push_back(std::visit(Name{}, write));
    return names;
  }
  std::vector<std::string> states() {
    std::vector<std::string> all;
    RecordingNotice notice;
    while (recordings_.poll_notice(notice))
      all.push_back(notice.state + (notice.trouble ? " " + notice.trouble->code : ""));
    return all;
  }
  std::vector<std::string> calls() { return std::exchange(recorder_.calls, {}); }

  FakeRecorder recorder_;
  Recordings recordings_{recorder_, Random::from_number(7).fork()};
};

TEST_F(RecordingsTest, AStoppedBroadcastIsReadyAtOnce) {
  recordings_.start(at(0), kWall, start_of("alice", "b1", 4));
  EXPECT_THAT(calls(), ElementsAre("start 4"));
  EXPECT_EQ(recordings_.recording(), 1u);
  recordings_.stop(at(9), "b1", false);
  EXPECT_THAT(calls(), ElementsAre("finish"));
  EXPECT_TRUE(recordings_.next_timeout().is_never());
  recordings_.handle(finished(recorder_.last, 9));
  EXPECT_THAT(writes(), ElementsAre("add alice", "state processing", "finish ready"));
  EXPECT_THAT(states(), ElementsAre("recording", "processing", "ready"));
  EXPECT_EQ(recordings_.recording() + recordings_.finishing() + recordings_.removing(), 0u);
  recordings_.handle(RecordingPictures{recorder_.last, true, true});
  EXPECT_THAT(writes(), ElementsAre("pictures t s"));
}

TEST_F(RecordingsTest, WaitsForTheFirstPacketBeforeAnybodyIsToldOfIt) {
  RecordingStart start = start_of("alice", "b1", 4);
  start.heard = false;
  recordings_.start(at(0), kWall, start);
  recordings_.start(at(0), kWall, start_of("alice", "b1", 4));  // the same one
  EXPECT_THAT(calls(), ElementsAre("start 4")) << "what comes first is not to be missed";
  EXPECT_THAT(writes(), ElementsAre());
  EXPECT_THAT(states(), ElementsAre());
  EXPECT_TRUE(recordings_.in_progress().empty());
  const WallTime later{kWall.us + 5'000'000};
  recordings_.heard(later, "b2");
  recordings_.heard(later, "b1");
  recordings_.heard(later, "b1");
  RecordingWrite write;
  ASSERT_TRUE(recordings_.poll_write(write));
  EXPECT_EQ(std::get<AddRecording>(write).recording.started_at, later);
  EXPECT_EQ(recordings_.in_progress().size(), 1u);
  recordings_.stop(at(9), "b1", false);
  recordings_.handle(finished(recorder_.last, 4));
  EXPECT_THAT(writes(), ElementsAre("state processing", "finish ready"));
  EXPECT_THAT(states(), ElementsAre("recording", "processing", "ready"));
}

TEST_F(RecordingsTest, NothingIsWrittenOfABroadcastThatIsNeverHeard) {
  RecordingStart start = start_of("alice", "b1", 4);
  start.heard = false;
  recordings_.start(at(0), kWall, start);
  recordings_.stop(at(1), "b1", true);
  start = start_of("alice", "b2", 5, "b1");
  start.heard = false;
  recordings_.start(at(2), kWall, start);
  recordings_.stop(at(3), "b2", false);
  EXPECT_THAT(calls(), ElementsAre("start 4", "start 5", "finish"));
  recordings_.handle(RecordingLost{recorder_.last, make_error(Code::kMediaLost)});
  EXPECT_THAT(calls(), ElementsAre("remove"));
  recordings_.handle(RecordingRemoved{recorder_.last, ok()});
  EXPECT_THAT(writes(), ElementsAre());
  EXPECT_THAT(states(), ElementsAre());
  EXPECT_EQ(recordings_.recording() + recordings_.finishing() + recordings_.removing(), 0u);
  // But what the presenter has to know is told.
  start = start_of("alice", "b3", 6);
  start.heard = false;
  recordings_.start(at(4), kWall, start);
  recordings_.handle(RecordingLost{recorder_.last, make_error(Code::kDiskFull)});
  EXPECT_THAT(states(), ElementsAre("removed disk_full"));
}

TEST_F(RecordingsTest, TheRowSaysWhoWhenAndWhere) {
  RecordingStart start = start_of("alice", "b1", 4);
  start.co_owner_id = "id-bob";
  start.visibility = Visibility::kPrivate;
  recordings_.start(at(0), kWall, start);
  RecordingWrite write;
  ASSERT_TRUE(recordings_.poll_write(write));
  const Recording& recording = std::get<AddRecording>(write).recording;
  EXPECT_EQ(recording.id.size(), kIdLength);
  EXPECT_EQ(recording.id, recorder_.last);
  EXPECT_EQ(recording.owner.id, "id-alice");
  EXPECT_EQ(recording.started_at, kWall);
  EXPECT_EQ(recording.location, "Berlin, Germany");
  EXPECT_EQ(recording.visibility, Visibility::kPrivate);
  RecordingNotice notice;
  ASSERT_TRUE(recordings_.poll_notice(notice));
  EXPECT_THAT(notice.owners, ElementsAre("id-alice", "id-bob"));
}

TEST_F(RecordingsTest, APresenterWhoComesBackGoesOnInTheSameRecording) {
  recordings_.start(at(0), kWall, start_of("alice", "b1", 4));
  const std::string id = recorder_.last;
  recordings_.stop(at(10), "b1", true);
  EXPECT_EQ(recordings_.next_timeout(), at(40));
  recordings_.start(at(39.9), kWall, start_of("alice", "b2", 9, "b1"));
  EXPECT_THAT(calls(), ElementsAre("start 4", "start 9"));
  EXPECT_EQ(recorder_.last, id);
  EXPECT_TRUE(recordings_.next_timeout().is_never());
  recordings_.stop(at(50), "b1", false);
  EXPECT_THAT(calls(), ElementsAre()) << "the broadcast before is no longer what is recorded";
  recordings_.stop(at(50), "b2", false);
  EXPECT_THAT(calls(), ElementsAre("finish"));
  EXPECT_THAT(writes(), ElementsAre("add alice", "state processing"));
}

TEST_F(RecordingsTest, WhoComesBackTooLateOrIsAnotherBeginsANewOne) {
  recordings_.start(at(0), kWall, start_of("alice", "b1", 4));
  recordings_.stop(at(10), "b1", true);
  recordings_.start(at(11), kWall, start_of("bob", "b2", 5, "b1"));
  EXPECT_THAT(calls(), ElementsAre("start 4", "start 5"));
  recordings_.start(at(40), kWall, start_of("alice", "b3", 6, "b1"));
  EXPECT_THAT(calls(), ElementsAre("finish", "start 6")) << "30 s are over, timer or not";
  EXPECT_EQ(recordings_.recording(), 2u);
  EXPECT_EQ(recordings_.finishing(), 1u);
}

TEST_F(RecordingsTest, AnotherBroadcastOfTheSameUserDoesNotGoOnInIt) {
  recordings_.start(at(0), kWall, start_of("alice", "b1", 4));
  recordings_.stop(at(10), "b1", true);
  // A phone beside the computer that was lost.
  recordings_.start(at(11), kWall, start_of("alice", "b2", 5));
  recordings_.start(at(12), kWall, start_of("alice", "b3", 6, "b2"));
  EXPECT_THAT(calls(), ElementsAre("start 4", "start 5", "start 6")) << "b2 is on air";
  EXPECT_EQ(recordings_.counters().started, 3u);
  recordings_.start(at(13), kWall, start_of("alice", "b4", 7, "b1"));
  EXPECT_EQ(recordings_.counters().resumed, 1u);
}

TEST_F(RecordingsTest, ACallThatIsResumedGoesOnInItsRecording) {
  const auto side = [](const std::string& broadcast, MediaId media) {
    RecordingStart start = start_of("alice", broadcast, media);
    start.co_owner_id = "id-bob";
    return start;
  };
  recordings_.start(at(0), kWall, side("b1", 4));
  recordings_.stop(at(1), "b1", true);
  recordings_.start(at(2), kWall, side("b2", 5));
  EXPECT_EQ(recordings_.counters().resumed, 1u);
}

TEST_F(RecordingsTest, AnotherCallOfTheSameTwoHasARecordingOfItsOwn) {
  const auto side = [](const std::string& broadcast, MediaId media, const std::string& call) {
    RecordingStart start = start_of("alice", broadcast, media);
    start.co_owner_id = "id-bob";
    start.call_id = call;
    return start;
  };
  recordings_.start(at(0), kWall, side("b1", 4, "call1"));
  recordings_.stop(at(1), "b1", true);
  recordings_.start(at(2), kWall, side("b2", 5, "call2"));
  EXPECT_EQ(recordings_.counters().resumed, 0u);
  EXPECT_EQ(recordings_.counters().started, 2u);
}

TEST_F(RecordingsTest, NobodyComesBack) {
  recordings_.start(at(0), kWall, start_of("alice", "b1", 4));
  recordings_.stop(at(10), "b1", true);
  recordings_.handle_timeout(at(39));
  EXPECT_THAT(calls(), ElementsAre("start 4"));
  recordings_.handle_timeout(at(40));
  EXPECT_THAT(calls(), ElementsAre("finish"));
}

TEST_F(RecordingsTest, AStopWhileItsPresenterIsWaitedForEndsIt) {
  recordings_.start(at(0), kWall, start_of("alice", "b1", 4));
  recordings_.give_up("id-alice", "b1");
  EXPECT_THAT(calls(), ElementsAre("start 4")) << "it is on air";
  recordings_.stop(at(9), "b1", true);
  recordings_.give_up("id-bob", "b1");
  recordings_.give_up("id-alice", "b2");
  EXPECT_TRUE(calls().empty());
  recordings_.give_up("id-alice", "b1");
  EXPECT_THAT(calls(), ElementsAre("finish"));
  EXPECT_TRUE(recordings_.next_timeout().is_never());
  recordings_.handle(finished(recorder_.last, 9));
  EXPECT_THAT(writes(), ElementsAre("add alice", "state processing", "finish ready"));
  recordings_.give_up("id-alice", "b1");
  EXPECT_TRUE(calls().empty());
}

TEST_F(RecordingsTest, WhoComesBackWithAnotherCodecGoesOnInASecondOneOfTheSameTitle) {
  recordings_.start(at(0), kWall, start_of("alice", "b1", 4));
  const std::string first = recorder_.last;
  recordings_.stop(at(9), "b1", true);
  RecordingStart back = start_of("alice", "b2", 5, "b1");
  back.title = "renamed";
  recordings_.start(at(19), kWall, back);
  EXPECT_THAT(calls(), ElementsAre("start 4", "start 5"));
  writes();
  const WallTime later{kWall.us + 20'000'000};
  recordings_.handle(RecordingUnfit{first, 4, later});
  EXPECT_TRUE(calls().empty()) << "of the publisher before";
  recordings_.handle(RecordingUnfit{first, 5, later});
  EXPECT_THAT(calls(), ElementsAre("finish", "start 5"));
  const std::string second = recorder_.last;
  EXPECT_NE(second, first);
  EXPECT_THAT(writes(), ElementsAre("state processing", "add alice"));
  recordings_.handle(RecordingUnfit{first, 5, later});
  EXPECT_TRUE(calls().empty());
  recordings_.handle(finished(first, 9));
  recordings_.stop(at(30), "b2", false);
  EXPECT_EQ(recorder_.last, second);
  recordings_.handle(finished(second, 9));
  EXPECT_EQ(recordings_.counters().ready, 2u);
  EXPECT_EQ(recordings_.counters().split, 1u);
}

TEST_F(RecordingsTest, ACallIsNotContinuedAsABroadcast) {
  RecordingStart call = start_of("alice", "b1", 4);
  call.co_owner_id = "id-bob";
  recordings_.start(at(0), kWall, call);
  recordings_.stop(at(1), "b1", true);
  recordings_.start(at(2), kWall, start_of("alice", "b2", 5, "b1"));
  EXPECT_EQ(recordings_.counters().started, 2u);
}

TEST_F(RecordingsTest, ShorterThanASecondIsNotKept) {
  recordings_.start(at(0), kWall, start_of("alice", "b1", 4));
  const std::string id = recorder_.last;
  recordings_.stop(at(1), "b1", false);
  recordings_.handle(finished(id, 0.999));
  EXPECT_THAT(calls(), ElementsAre("start 4", "finish", "remove"));
  EXPECT_THAT(writes(), ElementsAre("add alice", "state processing", "mark"));
  recordings_.handle(RecordingRemoved{id, ok()});
  EXPECT_THAT(writes(), ElementsAre("remove"));
  EXPECT_THAT(states(), ElementsAre("recording", "processing", "removed"));
  EXPECT_EQ(recordings_.counters().too_short, 1u);
}

TEST_F(RecordingsTest, NothingPlayableIsRemovedAndToldWhy) {
  recordings_.start(at(0), kWall, start_of("alice", "b1", 4));
  const std::string id = recorder_.last;
  recordings_.handle(RecordingTrouble{id, make_error(Code::kDiskFull)});
  EXPECT_THAT(states(), ElementsAre("recording", "recording disk_full"));
  recordings_.handle(RecordingLost{id, make_error(Code::kRecordingStorage)});
  EXPECT_THAT(states(), ElementsAre("removed recording_storage"));
  recordings_.handle(RecordingRemoved{id, make_error(Code::kRecordingStorage)});
  EXPECT_THAT(writes(), ElementsAre("add alice", "mark")) << "the next start tries again";
  recordings_.stop(at(5), "b1", false);
  EXPECT_THAT(calls(), ElementsAre("start 4", "remove"));
}

TEST_F(RecordingsTest, ADiskThatIsNearlyFullEndsTheRecordingWhileTheBroadcastGoesOn) {
  recordings_.start(at(0), kWall, start_of("alice", "b1", 4));
  const std::string id = recorder_.last;
  recordings_.handle(RecordingTrouble{id, make_error(Code::kDiskLow)});
  EXPECT_THAT(states(), ElementsAre("recording", "recording disk_low", "processing"));
  EXPECT_THAT(calls(), ElementsAre("start 4", "finish"));
  recordings_.handle(RecordingTrouble{id, make_error(Code::kDiskLow)});
  recordings_.stop(at(5), "b1", false);
  EXPECT_THAT(calls(), ElementsAre()) << "it is over already";
  EXPECT_EQ(recordings_.recording(), 0u);
}

TEST_F(RecordingsTest, APresenterWhoseMediaNeverCameIsToldOfNoTrouble) {
  recordings_.start(at(0), kWall, start_of("alice", "b1", 4));
  recordings_.stop(at(5), "b1", false);
  recordings_.handle(RecordingLost{recorder_.last, {"recording_empty", "Nothing came."}});
  EXPECT_THAT(states(), ElementsAre("recording", "processing", "removed"));
}

TEST_F(RecordingsTest, RowAndFileGoTogetherOrNotAtAll) {
  RemovalDone removal;
  recordings_.remove("r1");
  recordings_.handle(RecordingRemoved{"r1", make_error(Code::kRecordingStorage)});
  EXPECT_THAT(writes(), ElementsAre("restore"));
  ASSERT_TRUE(recordings_.poll_removal(removal));
  EXPECT_FALSE(removal.done);
  recordings_.remove("r1");
  recordings_.handle(RecordingRemoved{"r1", ok()});
  EXPECT_THAT(writes(), ElementsAre("remove"));
  ASSERT_TRUE(recordings_.poll_removal(removal));
  EXPECT_TRUE(removal.done);
}

TEST_F(RecordingsTest, AnEarlierRunIsFinished) {
  Recording cut;
  cut.id = "r1";
  cut.owner.id = "id-alice";
  Recording going = cut;
  going.id = "r2";
  going.state = RecordingState::kReady;
  going.removing = true;
  recordings_.resume({cut, going});
  EXPECT_THAT(calls(), ElementsAre("finish", "remove"));
  recordings_.handle(finished("r1", 100, true));
  recordings_.handle(RecordingRemoved{"r2", ok()});
  EXPECT_THAT(writes(), ElementsAre("state processing", "finish damaged", "remove"));
}

TEST_F(RecordingsTest, ShutdownFinishesEverythingAndNothingStarts) {
  recordings_.start(at(0), kWall, start_of("alice", "b1", 4));
  recordings_.start(at(0), kWall, start_of("bob", "b2", 5));
  recordings_.stop(at(1), "b2", true);
  recordings_.shutdown();
  recordings_.start(at(1), kWall, start_of("carol", "b3", 6));
  EXPECT_THAT(calls(), ElementsAre("start 4", "start 5", "finish", "finish"));
  EXPECT_EQ(recordings_.finishing(), 2u);
}

// Random orders of everything that can happen, with a recorder that answers late, twice or with an
// error: whatever the order, each recording that began ends once, and its row says how.
class World {
 public:
  explicit World(uint64_t seed)
      : random_(Random::from_number(seed)), recordings_(recorder_, random_.fork()) {}

  void run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      step();
      drain();
    }
    recordings_.shutdown();
    for (int i = 0; i < 1000 && recordings_.finishing() + recordings_.removing() > 0; ++i) {
      answer();
      drain();
    }
    EXPECT_EQ(recordings_.recording(), 0u);
    EXPECT_EQ(recordings_.finishing(), 0u);
    EXPECT_EQ(recordings_.removing(), 0u);
    EXPECT_EQ(rows_.size(), recordings_.counters().started);
    for (const auto& [id, row] : rows_) EXPECT_EQ(row.ends, 1) << id << " " << row.state;
  }

 private:
  struct Row {
    std::string state;
    int ends = 0;
  };
  struct AnsweringRecorder final : Recorder {
    void start(const std::string& id, MediaId) override {
      EXPECT_FALSE(finished.contains(id)) << "started after its end";
    }
    void finish(const std::string& id) override {
      EXPECT_TRUE(finished.insert(id).second) << "finished twice";
      waiting.emplace_back("finish", id);
    }
    void remove(const std::string& id) override { waiting.emplace_back("remove", id); }
    std::vector<std::pair<std::string, std::string>> waiting;
    std::set<std::string> finished;
  };

  void step() {
    now_ = now_ + Duration::millis(random_.below(8000));
    switch (random_.below(8)) {
      case 0:
      case 1: {
        const std::string user = std::string(1, static_cast<char>('a' + random_.below(3)));
        broadcasts_.push_back("b" + std::to_string(broadcasts_.size()));
        RecordingStart start = start_of(user, broadcasts_.back(), broadcasts_.size());
        start.replaces =
            "b" + std::to_string(random_.below(static_cast<uint32_t>(broadcasts_.size())));
        recordings_.start(now_, kWall, std::move(start));
        break;
      }
      case 2:
      case 3:
        if (!broadcasts_.empty())
          recordings_.stop(now_,
                           broadcasts_[random_.below(static_cast<uint32_t>(broadcasts_.size()))],
                           random_.below(2) == 0);
        break;
      case 4:
        recordings_.handle_timeout(now_);
        break;
      case 5:
      case 6:
        answer();
        break;
      default:
        disturb();
    }
  }

  // One thing that the recorder was asked for happens.
  void answer() {
    auto& waiting = recorder_.waiting;
    if (waiting.empty()) return;
    const size_t which = random_.below(static_cast<uint32_t>(waiting.size()));
    const auto [what, id] = waiting[which];
    waiting.erase(waiting.begin() + static_cast<long>(which));
    if (what == "remove")
      recordings_.handle(RecordingRemoved{id, ok()});
    else if (random_.below(4) == 0)
      recordings_.handle(RecordingLost{id, make_error(Code::kRecordingStorage)});
    else
      recordings_.handle(finished(id, random_.unit() * 4, random_.below(3) == 0));
  }

  // Events that nobody waits for.
  void disturb() {
    if (rows_.empty()) return;
    auto it = rows_.begin();
    std::advance(it, random_.below(static_cast<uint32_t>(rows_.size())));
    switch (random_.below(6)) {
      case 5:
        return recordings_.handle(RecordingUnfit{
            it->first, random_.below(static_cast<uint32_t>(broadcasts_.size() + 1)), kWall});
      case 0:
        return recordings_.handle(RecordingTrouble{it->first, make_error(Code::kDiskFull)});
      case 1:
        return recordings_.handle(RecordingPictures{it->first, true, false});
      case 2:
        if (!recorder_.finished.contains(it->first)) recordings_.handle(finished(it->first, 5));
        return;
      case 3:
        return recordings_.handle(RecordingLost{"unknown", make_error(Code::kDiskFull)});
      default:
        return recordings_.handle(RecordingRemoved{"unknown", ok()});
    }
  }

  void drain() {
    RecordingWrite write;
    while (recordings_.poll_write(write)) {
      if (auto* add = std::get_if<AddRecording>(&write)) {
        EXPECT_TRUE(rows_.emplace(add->recording.id, Row{"recording", 0}).second);
      } else if (auto* set = std::get_if<SetRecordingState>(&write)) {
        rows_.at(set->id).state = name_of(set->state);
      } else if (auto* done = std::get_if<FinishRecording>(&write)) {
        Row& row = rows_.at(done->id);
        row.state = name_of(done->state);
        ++row.ends;
        EXPECT_GE(done->facts.duration, kShortestRecording);
      } else if (auto* gone = std::get_if<RemoveRecording>(&write)) {
        Row& row = rows_.at(gone->id);
        row.state = "removed";
        ++row.ends;
      }
    }
    RecordingNotice notice;
    while (recordings_.poll_notice(notice)) EXPECT_TRUE(rows_.contains(notice.id));
  }

  Random random_;
  AnsweringRecorder recorder_;
  Recordings recordings_;
  Instant now_;
  std::vector<std::string> broadcasts_;
  std::map<std::string, Row> rows_;
};

TEST(RecordingsProperty, EveryRecordingEndsOnce) {
  for (uint64_t seed = 1; seed <= 300 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    World(seed).run(200);
  }
}

}  // namespace
}  // namespace loopcast::app
