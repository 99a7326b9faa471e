#include "store/nickname_keys.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"

namespace loopcast::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(NicknameKeys, AreFoundInTheirOrderByAnyPart) {
  NicknameKeys keys;
  EXPECT_THAT(keys.find("", "", 10), IsEmpty());
  for (const char* key : {"ben", "anna", "小明", "明", "ann", "anna", "b"}) keys.add(key);
  EXPECT_THAT(keys.find("", "", 10), ElementsAre("ann", "anna", "b", "ben", "小明", "明"));
  EXPECT_THAT(keys.find("明", "", 10), ElementsAre("小明", "明"));
  EXPECT_THAT(keys.find("n", "", 10), ElementsAre("ann", "anna", "ben"));
  EXPECT_THAT(keys.find("n", "", 2), ElementsAre("ann", "anna"));
  EXPECT_THAT(keys.find("n", "anna", 2), ElementsAre("ben"));
  EXPECT_THAT(keys.find("n", "anne", 2), ElementsAre("ben")) << "behind what is gone";
  EXPECT_THAT(keys.find("n", "zoe", 2), IsEmpty());
  EXPECT_THAT(keys.find("annb", "", 2), IsEmpty()) << "of one name";
  for (const char* key : {"an", "anna", "anna", "明", "zoe"}) keys.remove(key);
  EXPECT_THAT(keys.find("", "", 10), ElementsAre("ann", "b", "ben", "小明"));
  for (const char* key : {"小明", "ann", "ben", "b"}) keys.remove(key);
  EXPECT_THAT(keys.find("", "", 10), IsEmpty());
}

TEST(NicknameKeys, ManyInAnyOrderAreWhatASetOfThemWouldBe) {
  NicknameKeys keys;
  std::set<std::string> expected;
  Random random = Random::from_number(5);
  const auto any = [&] {
    std::string key(1 + random.below(4), 'a');
    for (char& c : key) c = static_cast<char>('a' + random.below(4));
    return key;
  };
  for (int i = 0; i < 2000; ++i) {
    const std::string key = any();
    if (random.below(3) == 0) {
      keys.remove(key);
      expected.erase(key);
    } else {
      keys.add(key);
      expected.insert(key);
    }
    if (i % 50 != 0) continue;
    const std::string part = any(), after = any();
    std::vector<std::string> found;
    for (auto it = expected.upper_bound(after); it != expected.end(); ++it)
      if (it->find(part) != std::string::npos) found.push_back(*it);
    EXPECT_EQ(keys.find(part, after, 1000), found) << part << " behind " << after;
  }
}

}  // namespace
}  // namespace loopcast::store
