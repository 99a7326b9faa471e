#include "store/recording_columns.h"

#include <algorithm>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/search_key.h"
#include "base/random.h"

namespace loopcast::store {
namespace {

using app::RecordingFilter;
using testing::ElementsAre;
using testing::IsEmpty;

RecordingColumnsRow row(int64_t number, int64_t started_at, const std::string& presenter) {
  RecordingColumnsRow row;
  row.number = number;
  row.started_at = {started_at};
  row.duration = Duration::seconds(number);
  row.owner_id = "id-" + presenter;
  row.presenter = presenter;
  row.title = "title of " + presenter;
  row.location = "Berlin, Germany";
  row.bytes = 10;
  row.state = app::RecordingState::kReady;
  return row;
}

TEST(RecordingColumns, NewestFirstAndPaged) {
  RecordingColumns columns;
  for (int64_t i = 1; i <= 5; ++i) columns.put(row(i, 100 + i % 3, "alice"));
  EXPECT_THAT(columns.find({}, 0, 10).numbers, ElementsAre(5, 2, 4, 1, 3));
  const auto page = columns.find({}, 2, 2);
  EXPECT_THAT(page.numbers, ElementsAre(4, 1));
  EXPECT_EQ(page.total, 5u);
  EXPECT_THAT(columns.find({}, 5, 2).numbers, IsEmpty());
  EXPECT_EQ(columns.find({}, ~uint64_t{0}, 2).total, 5u);
}

TEST(RecordingColumns, TextsMatchAPart) {
  RecordingColumns columns;
  columns.put(row(1, 1, "Alice 100%"));
  columns.put(row(2, 2, "小明"));
  auto other = row(3, 3, "bob");
  other.location = "上海, China";
  other.title = "Morning_Yoga";
  columns.put(other);
  const auto find = [&](RecordingFilter filter) { return columns.find(filter, 0, 10).numbers; };
  EXPECT_THAT(find({.presenter = "aLI"}), ElementsAre(1));
  auto fourth = row(4, 0, "Ömer");
  fourth.location = "İstanbul, Türkiye";
  fourth.title = "Große Soirée ＬＩＶＥ";
  columns.put(fourth);
  EXPECT_THAT(find({.presenter = "ömer"}), ElementsAre(4));
  EXPECT_THAT(find({.location = "istanbul, TÜRKİYE"}), ElementsAre(4));
  for (const char* text : {"GROSSE", "große", "soirÉe", "live", "Ömer"})
    EXPECT_THAT(find({.text = text}), ElementsAre(4)) << text;
  EXPECT_THAT(find({.text = "soiree"}), IsEmpty());
  columns.remove(4);
  EXPECT_THAT(find({.presenter = "%"}), ElementsAre(1));
  EXPECT_THAT(find({.presenter = "_"}), IsEmpty());
  EXPECT_THAT(find({.presenter = "明"}), ElementsAre(2));
  EXPECT_THAT(find({.location = "GERMANY"}), ElementsAre(2, 1));
  EXPECT_THAT(find({.location = "上海"}), ElementsAre(3));
  EXPECT_THAT(find({.text = "yoga"}), ElementsAre(3));
  EXPECT_THAT(find({.text = "n"}), ElementsAre(3));
  EXPECT_THAT(find({.text = "o"}), ElementsAre(3, 2, 1)) << "bob, and title of";
  EXPECT_THAT(find({.text = "小"}), ElementsAre(2));
  EXPECT_THAT(find({.text = "yogi"}), IsEmpty());
}

TEST(RecordingColumns, WordsMatchInAnyOrder) {
  RecordingColumns columns;
  auto yoga = row(1, 1, "小明");
  yoga.title = "Morning yoga in the park";
  columns.put(yoga);
  const auto find = [&](std::string text) { return columns.find({.text = std::move(text)}, 0, 9); };
  EXPECT_THAT(find("park yoga").numbers, ElementsAre(1));
  EXPECT_THAT(find("  yoga   morn ").numbers, ElementsAre(1));
  EXPECT_THAT(find("yoga 小明").numbers, ElementsAre(1)) << "title and presenter";
  EXPECT_THAT(find("yoga evening").numbers, IsEmpty());
  EXPECT_THAT(find("   ").numbers, ElementsAre(1));
  EXPECT_THAT(find(std::string(5000, 'x') + std::string(5000, ' ')).numbers, IsEmpty());
  EXPECT_THAT(find("m o r n i n g y o g a").numbers, IsEmpty()) << "the ninth and what follows it";
}

TEST(RecordingColumns, WhatACardSaysIsFound) {
  RecordingColumns columns;
  auto untitled = row(1, 1, "Zoë");
  untitled.title = "Zoë";
  auto call = row(2, 2, "Zoë");
  call.title = "Zoë";
  call.of_call = true;
  call.other = "小明";
  auto titled = row(3, 3, "Zoë");
  titled.title = "Yoga";
  for (const auto& r : {untitled, call, titled}) columns.put(r);
  const auto find = [&](const char* text) { return columns.find({.text = text}, 0, 9).numbers; };
  EXPECT_THAT(find("Broadcast by Zoë"), ElementsAre(1));
  EXPECT_THAT(find("broadcast"), ElementsAre(1));
  EXPECT_THAT(find("Zoë 的直播"), ElementsAre(1));
  EXPECT_THAT(find("Call with 小明"), ElementsAre(2));
  EXPECT_THAT(find("与 小明 的通话"), ElementsAre(2));
  EXPECT_THAT(find("小明"), ElementsAre(2));
  EXPECT_THAT(find("zoë"), ElementsAre(3, 2, 1));
}

TEST(RecordingColumns, SumsFollowEveryChange) {
  RecordingColumns columns;
  auto r = row(1, 1, "alice");
  columns.put(r);
  columns.put(row(2, 2, "bob"));
  r.bytes = 100;
  columns.put(r);
  EXPECT_EQ(columns.usage("id-alice").bytes, 100u);
  EXPECT_EQ(columns.usage("id-alice").count, 1u);
  EXPECT_EQ(columns.usage("id-alice").time, Duration::seconds(1));
  EXPECT_EQ(columns.usage(std::nullopt).bytes, 110u);
  EXPECT_EQ(columns.usage_by_owner().size(), 2u);
  columns.remove(1);
  columns.remove(1);
  EXPECT_EQ(columns.usage("id-alice").bytes, 0u);
  EXPECT_EQ(columns.usage("id-alice").time, Duration());
  EXPECT_EQ(columns.usage("nobody").count, 0u);
  ASSERT_EQ(columns.usage_by_owner().size(), 1u);
  EXPECT_EQ(columns.usage_by_owner()[0].owner_id, "id-bob");
}

TEST(RecordingColumns, OnlyPublicAndReadyUnlessOnesOwn) {
  RecordingColumns columns;
  auto hidden = row(1, 1, "alice");
  hidden.visibility = app::Visibility::kUnlisted;
  auto running = row(2, 2, "alice");
  running.state = app::RecordingState::kRecording;
  auto damaged = row(3, 3, "alice");
  damaged.state = app::RecordingState::kDamaged;
  auto going = row(4, 4, "alice");
  going.removing = true;
  auto call = row(5, 5, "bob");
  call.co_owner_id = "id-alice";
  call.visibility = app::Visibility::kPrivate;
  for (const auto& r : {hidden, running, damaged, going, call}) columns.put(r);
  EXPECT_THAT(columns.find({}, 0, 10).numbers, IsEmpty());
  EXPECT_THAT(columns.find({.owned_by = "id-alice"}, 0, 10).numbers, ElementsAre(5, 3, 2, 1));
  EXPECT_THAT(columns.find({.owned_by = "id-bob"}, 0, 10).numbers, ElementsAre(5));
  EXPECT_THAT(columns.find({.owned_by = "nobody"}, 0, 10).numbers, IsEmpty());
  EXPECT_EQ(columns.usage("id-alice").count, 4u);
  EXPECT_EQ(columns.usage(std::nullopt).bytes, 50u);
}

// Against the plain way of doing it, over random rows, changes and filters.
TEST(RecordingColumns, FindWhatALoopOverAllRowsFinds) {
  const char* const names[] = {"alice", "Bob", "小明", "x", "Al"};
  const char* const places[] = {"unknown", "Berlin, Germany", "上海, China", "Bern"};
  const char* const parts[] = {"", "", "al", "b", "小", "er", "of x", "never"};
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random = Random::from_number(seed);
    const auto one_of = [&](const auto& list) {
      return list[random.below(static_cast<uint32_t>(std::size(list)))];
    };
    RecordingColumns columns;
    std::map<int64_t, RecordingColumnsRow> rows;
    for (int step = 0; step < 6000; ++step) {
      const int64_t number = 1 + random.below(2500);
      if (random.below(4) == 0) {
        rows.erase(number);
        columns.remove(number);
      } else {
        auto r = row(number, random.below(400), one_of(names));
        r.duration = Duration::millis(random.below(5000));
        r.location = one_of(places);
        r.removing = random.below(10) == 0;
        r.visibility = static_cast<app::Visibility>(random.below(3));
        r.state = static_cast<app::RecordingState>(random.below(4));
        if (random.below(5) == 0) r.co_owner_id = "id-x";
        rows[number] = r;
        columns.put(r);
      }
      if (step % 100 != 0) continue;
      ASSERT_EQ(columns.size(), rows.size());
      RecordingFilter filter;
      filter.presenter = one_of(parts);
      filter.location = one_of(parts);
      filter.text = one_of(parts);
      if (random.below(3) == 0) filter.from = WallTime{random.below(400)};
      if (random.below(3) == 0) filter.to = WallTime{random.below(400)};
      if (random.below(3) == 0) filter.min_duration = Duration::millis(random.below(5000));
      if (random.below(3) == 0) filter.max_duration = Duration::millis(random.below(5000));
      if (random.below(2) == 0) filter.owned_by = "id-" + std::string(one_of(names));
      std::vector<std::pair<int64_t, int64_t>> expected;
      for (const auto& [n, r] : rows) {
        const auto has = [](const std::string& text, const std::string& part) {
          return app::search_key(text).find(app::search_key(part)) != std::string::npos;
        };
        const bool shown = filter.owned_by
                               ? r.owner_id == filter.owned_by || r.co_owner_id == filter.owned_by
                               : r.visibility == app::Visibility::kPublic &&
                                     r.state == app::RecordingState::kReady;
        if (!r.removing && shown && has(r.presenter, filter.presenter) &&
            has(r.location, filter.location) &&
            (has(r.title, filter.text) || has(r.presenter, filter.text)) &&
            (!filter.from || r.started_at >= *filter.from) &&
            (!filter.to || r.started_at <= *filter.to) &&
            (!filter.min_duration || r.duration >= *filter.min_duration) &&
            (!filter.max_duration || r.duration <= *filter.max_duration))
          expected.emplace_back(r.started_at.us, n);
      }
      std::sort(expected.rbegin(), expected.rend());
      const auto found = columns.find(filter, 3, 20);
      EXPECT_EQ(found.total, expected.size());
      std::vector<int64_t> numbers;
      for (size_t i = 3; i < std::min<size_t>(expected.size(), 23); ++i)
        numbers.push_back(expected[i].second);
      EXPECT_EQ(found.numbers, numbers);
    }
  }
}

}  // namespace
}  // namespace loopcast::store
