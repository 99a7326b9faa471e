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

std::string key(std::string_view text) {
  const auto nickname = parse_nickname(text);
  return nickname ? nickname->key : nickname.error().code;
}

TEST(Nickname, IsTheSameHoweverItWasTyped) {
  EXPECT_EQ(shown("e\u0301cole"), "\u00E9cole");
  EXPECT_EQ(shown("\u1112\u1161\u11AB"), "\uD55C") << "Hangul in letters";
  EXPECT_EQ(shown("\u212B"), "\u00C5") << "the unit Angstrom";
  EXPECT_EQ(shown("Ａ"), "Ａ") << "another look stays";
}

TEST(Nickname, TheKeyTellsNoLooksApart) {
  EXPECT_EQ(shown("ALiCe Ä@[`"), "ALiCe Ä@[`");
  EXPECT_EQ(key("ALiCe Ä@[`"), "alice ä@[`");
  EXPECT_EQ(key("Ａｌｉｃｅ"), "alice");
  EXPECT_EQ(key("STRASSE"), key("straße"));
  EXPECT_EQ(key("ﬁne ①"), "fine 1");
  EXPECT_EQ(key("ΣΊΣΥΦΟΣ"), key("σίσυφος"));
  EXPECT_EQ(key("𝓐lice"), "alice");
  EXPECT_NE(key("аlice"), "alice") << "Cyrillic a is another letter";
  EXPECT_NE(key("主播"), key("主播1"));
}

TEST(Nickname, TheKeyIsTidyToo) {
  // Stands for a space with two dots above it.
  EXPECT_EQ(key("\u00A8"), "\u0308");
  EXPECT_EQ(key("a \u00A8"), "a \u0308");
}

TEST(Nickname, KnowsTheKeyOfTheFirstVersion) {
  EXPECT_EQ(parse_nickname(" ALiCe  Ä")->former_key, "alice Ä");
  EXPECT_EQ(parse_nickname("e\u0301")->former_key, "e\u0301");
}

TEST(Nickname, CountsCodePoints) {
  std::string name;
  for (int i = 0; i < 32; ++i) name += "播";
  EXPECT_EQ(shown(name), name);
  EXPECT_EQ(shown(name + "x"), "nickname_too_long");
  EXPECT_EQ(shown(std::string(32, 'x') + "      "), std::string(32, 'x'));
  std::string decomposed;
  for (int i = 0; i < 32; ++i) decomposed += "e\u0301";
  EXPECT_NE(shown(decomposed), "nickname_too_long") << "counted as it is shown";
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

TEST(Nickname, KeepsEmojiAndJointsAsTheyAreTyped) {
  EXPECT_EQ(shown("Ann ❤\uFE0F"), "Ann ❤\uFE0F");
  EXPECT_EQ(shown("❤\uFE0F\u200D🔥"), "❤\uFE0F\u200D🔥");
  EXPECT_EQ(shown("👩\u200D👩\u200D👧"), "👩\u200D👩\u200D👧");
  EXPECT_EQ(shown("👋🏽"), "👋🏽");
  EXPECT_EQ(shown("1\uFE0F\u20E3"), "1\uFE0F\u20E3");
  EXPECT_EQ(shown("علی\u200Cرضا"), "علی\u200Cرضا") << "Persian";
  EXPECT_EQ(shown("ශ\u0DCA\u200Dරී"), "ශ\u0DCA\u200Dරී") << "Sinhala";
  // They make no other name.
  EXPECT_EQ(key("❤\uFE0F"), key("❤"));
  EXPECT_EQ(key("علی\u200Cرضا"), key("علیرضا"));
  for (const char* text : {"\u200D", "\uFE0F", "❤\u200D", "❤ \u200D🔥", "❤\u200D\u200D🔥",
                           "❤\u200D 🔥", "❤\uFE0F\uFE0F", "ad\u200Cmin", "a\u200Db"})
    EXPECT_EQ(shown(text), "nickname_invalid") << testing::PrintToString(text);
}

TEST(Nickname, IsNotOnlyMarks) {
  EXPECT_EQ(shown("\u0301"), "nickname_invalid");
  EXPECT_EQ(shown("\u0301\u0302"), "nickname_invalid");
  EXPECT_EQ(shown("\u0308a"), "nickname_invalid");
  EXPECT_EQ(shown("a\u0308"), "ä");
}

TEST(Nickname, TheShapeTellsNoScriptsApart) {
  const auto shape = [](std::string_view text) { return parse_nickname(text)->shape; };
  EXPECT_EQ(shape("аdmin"), shape("admin")) << "with a Cyrillic a";
  EXPECT_EQ(shape("Αdmin"), shape("admin")) << "with a Greek capital alpha";
  EXPECT_EQ(shape("раураl"), shape("paypal"));
  EXPECT_NE(shape("admin"), shape("adman"));
  EXPECT_NE(shape("小明"), shape("小朋"));
  EXPECT_FALSE(shape("🦊").empty());
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
  EXPECT_EQ(to_utf8(U'a') + to_utf8(U'ä') + to_utf8(U'播') + to_utf8(U'🦊'), "aä播🦊");
}

}  // namespace
}  // namespace loopcast::app
