#include "app/search_key.h"

#include <gtest/gtest.h>

namespace loopcast::app {
namespace {

TEST(SearchKey, CapitalsAreSmallLetters) {
  EXPECT_EQ(search_key("Hello World 42"), "hello world 42");
  EXPECT_EQ(search_key("ÉCOLE Ünïcode"), search_key("école ÜNÏCODE"));
  EXPECT_EQ(search_key("ΣΊΣΥΦΟΣ"), search_key("σίσυφος"));
  EXPECT_EQ(search_key("ПРИВЕТ"), search_key("привет"));
}

TEST(SearchKey, AccentsCountHoweverTheyWereTyped) {
  EXPECT_EQ(search_key("caf\u00E9"), search_key("CAFE\u0301"));
  EXPECT_NE(search_key("café"), search_key("cafe"));
}

TEST(SearchKey, SharpSIsTwo) {
  EXPECT_EQ(search_key("Straße"), "strasse");
  EXPECT_EQ(search_key("STRASSE"), search_key("straße"));
  EXPECT_EQ(search_key("ẞ"), "ss");
}

TEST(SearchKey, TurkishIsFoundWithAndWithoutDots) {
  EXPECT_EQ(search_key("İSTANBUL"), search_key("istanbul"));
  EXPECT_EQ(search_key("ISPARTA"), search_key("ısparta"));
  EXPECT_EQ(search_key("Ilgın, İzmir"), "ilgin, izmir");
  EXPECT_EQ(search_key("z\u0307"), "\u017C") << "another dot is an accent";
}

TEST(SearchKey, ChineseIsItselfWithFullWidthLettersAsNarrowOnes) {
  EXPECT_EQ(search_key("周末直播 Live"), "周末直播 live");
  EXPECT_EQ(search_key("ＬＩＶＥ直播"), "live直播");
  EXPECT_EQ(search_key("カタカナ"), search_key("ｶﾀｶﾅ"));
  EXPECT_EQ(search_key("𠮷野家"), "𠮷野家");
}

TEST(SearchKey, WhatIsNoTextIsKept) {
  EXPECT_EQ(search_key(""), "");
  EXPECT_EQ(search_key("A\xFF"), "a\xFF");
  EXPECT_EQ(search_key("B\xE4\xB8"), "b\xE4\xB8");
  EXPECT_EQ(search_key("\xE9 C"), "\xE9 c");
}

}  // namespace
}  // namespace loopcast::app
