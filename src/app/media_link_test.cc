#include "app/media_link.h"

#include <map>

#include <gtest/gtest.h>

namespace loopcast::app {
namespace {

constexpr WallTime kNow{1'700'000'000'000'000};
const LinkKey kKey{1, 2, 3};

struct Parts {
  std::string file;
  std::map<std::string, std::string> query;
};

Parts parts_of(std::string link) {
  Parts parts;
  EXPECT_TRUE(link.starts_with("/media/"));
  link.erase(0, 7);
  const size_t question = link.find('?');
  parts.file = link.substr(0, question);
  link.erase(0, question + 1);
  while (!link.empty()) {
    const size_t end = std::min(link.find('&'), link.size());
    const std::string pair = link.substr(0, end);
    parts.query[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
    link.erase(0, std::min(end + 1, link.size()));
  }
  return parts;
}

bool check(const Parts& p, WallTime now = kNow, const LinkKey& key = kKey) {
  const auto get = [&](const char* name) {
    const auto it = p.query.find(name);
    return it == p.query.end() ? std::string() : it->second;
  };
  return check_media_link(key, p.file, get("e"), {get("u"), get("k")}, get("s"), now);
}

TEST(MediaLink, IsGoodForSixToSevenHours) {
  const Parts link = parts_of(make_media_link(kKey, "abc_-1.mp4", {"user1", "session1"}, kNow));
  EXPECT_TRUE(check(link));
  EXPECT_TRUE(check(link, {kNow.us + kLinkLifetime.us()}));
  EXPECT_FALSE(check(link, {kNow.us + kLinkLifetime.us() + kLinkStep.us()}));
}

TEST(MediaLink, IsTheSameWithinAnHour) {
  const WallTime hour{kNow.us / kLinkStep.us() * kLinkStep.us()};
  const std::string link = make_media_link(kKey, "a.jpg", {"u", "s"}, hour);
  EXPECT_EQ(make_media_link(kKey, "a.jpg", {"u", "s"}, {hour.us + kLinkStep.us() - 1'000'000}),
            link);
  EXPECT_NE(make_media_link(kKey, "a.jpg", {"u", "s"}, {hour.us + kLinkStep.us()}), link);
}

TEST(MediaLink, NothingOfItCanBeChanged) {
  const Parts link = parts_of(make_media_link(kKey, "abc.mp4", {"user1", "session1"}, kNow));
  const auto changed = [&](auto change) {
    Parts other = link;
    change(other);
    return check(other);
  };
  EXPECT_FALSE(changed([](Parts& p) { p.file = "abd.mp4"; }));
  EXPECT_FALSE(changed([](Parts& p) { p.file = "abc.jpg"; }));
  EXPECT_FALSE(changed([](Parts& p) { p.file = "abc.sprite.jpg"; }));
  EXPECT_FALSE(changed([](Parts& p) { p.query["u"] = "user2"; }));
  EXPECT_FALSE(changed([](Parts& p) { p.query["u"] = ""; }));
  EXPECT_FALSE(changed([](Parts& p) { p.query["e"] += "0"; }));
  EXPECT_FALSE(changed([](Parts& p) { p.query["e"] = " " + p.query["e"]; }));
  EXPECT_FALSE(changed([](Parts& p) { p.query["e"] = ""; }));
  EXPECT_FALSE(changed([](Parts& p) { p.query["e"] = "99999999999999999999"; }));
  EXPECT_FALSE(changed([](Parts& p) { p.query["s"] = ""; }));
  EXPECT_FALSE(changed([](Parts& p) { p.query["s"].pop_back(); }));
  for (size_t i = 0; i < link.query.at("s").size(); ++i)
    EXPECT_FALSE(changed([&](Parts& p) { p.query["s"][i] = p.query["s"][i] == '0' ? '1' : '0'; }));
  EXPECT_FALSE(check(link, kNow, LinkKey{1, 2, 4}));
}

TEST(MediaLink, OnlyFilesOfRecordingsHaveLinks) {
  EXPECT_EQ(recording_of_file("abc.mp4"), "abc");
  EXPECT_EQ(recording_of_file("abc.webm"), "abc");
  EXPECT_EQ(recording_of_file("abc.jpg"), "abc");
  EXPECT_EQ(recording_of_file("abc.sprite.jpg"), "abc");
  for (const char* file : {"", ".mp4", "abc", "abc.part.mp4", "abc.sprite.json", "../abc.mp4",
                           "a/b.mp4", "a b.mp4", "abc.mp4\n", "abc.MP4"})
    EXPECT_EQ(recording_of_file(file), "") << file;
}

}  // namespace
}  // namespace loopcast::app
