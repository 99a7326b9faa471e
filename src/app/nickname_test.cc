#include "app/nickname.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/utf8.h"

namespace loopcast::app {
namespace {

std::string shown(std::string_view text) {
  const auto nickname = parse_nickname(text);
  return nickname ? nickname->shown : nickname.error().code;
}

TEST(Nickname, KeepsWhatPeopleWrite) {
  EXPECT_EQ(shown("alice"), "alice");
  EXPECT_EQ(shown("Zoë Öçğ"), "Zoë Öçğ");
  EXPECT_EQ(shown("主播小明"), "主播小明");
  EXPECT_EQ(shown("🦊"), "🦊");
  EXPECT_EQ(shown("<b>&\"'"), "<b>&\"'");
}

TEST(Nickname, TrimsAndJoinsSpacesOfAllKinds) {
  EXPECT_EQ(shown("  a  b\xE3\x80\x80 c\xC2\xA0"), "a b c");
  EXPECT_EQ(shown("   "), "nickname_invalid");
  EXPECT_EQ(shown(""), "nickname_invalid");
}

TEST(Nickname, FoldsAsciiInTheKeyOnly) {
  const auto nickname = parse_nickname("ALiCe Ä@[`");
  ASSERT_TRUE(nickname);
  EXPECT_EQ(nickname->shown, "ALiCe Ä@[`");
  EXPECT_EQ(nickname->key, "alice Ä@[`");
}

TEST(Nickname, CountsCodePoints) {
  std::string name;
  for (int i = 0; i < 32; ++i) name += "播";
  EXPECT_EQ(shown(name), name);
  EXPECT_EQ(shown(name + "x"), "nickname_too_long");
  EXPECT_EQ(shown(std::string(32, 'x') + "      "), std::string(32, 'x'));
  EXPECT_EQ(shown(std::string(100'000, ' ')), "nickname_too_long");
}

TEST(Nickname, RefusesWhatCannotBeSeen) {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {"a\0b"sv, "a\nb"sv, "a\tb"sv, "a\x7F"sv, "a\xC2\x85"sv /* NEL */,
        "a\xC2\xAD"sv /* soft hyphen */, "a\xE2\x80\x8B"sv /* zero width space */,
        "a\xE2\x80\x8D"sv /* joiner */, "a\xE2\x80\xAE"sv /* right-to-left override */,
        "a\xE2\x81\xA6"sv /* isolate */, "a\xD8\x9C"sv /* Arabic letter mark */,
        "\xEF\xBB\xBFx"sv /* byte order mark */, "\xE3\x85\xA4"sv /* Hangul filler */,
        "a\xEF\xB8\x8F"sv /* variation selector */, "\xE2\xA0\x80"sv /* blank Braille */,
        "a\xF3\xA0\x81\xA1"sv /* tag */, "a\xF0\x9F\xBF\xBE"sv /* U+1FFFE */,
        "\xEE\x80\x80"sv /* private use */}) {
    EXPECT_EQ(shown(text), "nickname_invalid") << testing::PrintToString(text);
  }
}

TEST(Nickname, RefusesMalformedUtf8) {
  for (const std::string_view text :
       {"\x80", "\xC3", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF",
        "a\xE4\xB8", "\xF8\x88\x80\x80"}) {
    EXPECT_EQ(shown(text), "nickname_invalid") << testing::PrintToString(text);
  }
}

TEST(Utf8, ReadsOneCodePointAtATime) {
  std::string_view text = "aä播🦊";
  EXPECT_EQ(next_code_point(text), U'a');
  EXPECT_EQ(next_code_point(text), U'ä');
  EXPECT_EQ(next_code_point(text), U'播');
  EXPECT_EQ(next_code_point(text), U'🦊');
  EXPECT_EQ(next_code_point(text), std::nullopt);
}

}  // namespace
}  // namespace loopcast::app
