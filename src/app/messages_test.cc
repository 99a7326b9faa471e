#include "app/messages.h"

#include <set>

#include <gtest/gtest.h>

namespace loopcast::app {
namespace {

TEST(Messages, EveryCodeHasANameAndASentenceInBothLanguages) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < static_cast<size_t>(Code::kCount); ++i) {
    const Code code = static_cast<Code>(i);
    const std::string_view name = name_of(code);
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string::npos) << name;
    EXPECT_EQ(code_of(name), code);
    // Whole sentences: what happened, and what to do.
    const std::string_view english = message(code, Language::kEnglish);
    EXPECT_TRUE(english.ends_with('.') && english.size() > 20) << name;
    const std::string_view chinese = message(code, Language::kChinese);
    EXPECT_TRUE(chinese.ends_with("。")) << name;
    EXPECT_NE(chinese.find("，"), std::string_view::npos) << name;
  }
}

TEST(Messages, AnUnknownCodeIsNeverShown) {
  EXPECT_EQ(code_of("no_such_code"), std::nullopt);
  EXPECT_EQ(message("no_such_code", Language::kChinese),
            message(Code::kInternal, Language::kChinese));
}

TEST(Messages, CodesOfTheMediaCoreAreKnown) {
  for (const std::string_view name :
       {"bad_sdp", "no_bundle", "no_rtcp_mux", "no_fingerprint", "no_ice", "no_media",
        "no_common_codec", "offer_too_large", "publisher_gone"})
    EXPECT_TRUE(code_of(name)) << name;
}

TEST(Messages, ADetailIsForTheLog) {
  const Error error = make_error(Code::kStoreUnavailable, "disk I/O error");
  EXPECT_EQ(error.code, "store_unavailable");
  EXPECT_NE(error.message.find("(disk I/O error)"), std::string::npos);
  EXPECT_EQ(message(error.code, Language::kEnglish).find("disk"), std::string_view::npos);
}

TEST(Language, IsChosenByWeight) {
  constexpr auto kZh = Language::kChinese;
  constexpr auto kEn = Language::kEnglish;
  EXPECT_EQ(choose_language("", kZh), kZh);
  EXPECT_EQ(choose_language("", kEn), kEn);
  EXPECT_EQ(choose_language("zh-CN,zh;q=0.9,en;q=0.8", kEn), kZh);
  EXPECT_EQ(choose_language("en-US,en;q=0.9,zh;q=0.8", kZh), kEn);
  EXPECT_EQ(choose_language("de, EN;q=0.5, zh ; q=0.51", kEn), kZh);
  EXPECT_EQ(choose_language("fr,de;q=0.7", kZh), kZh);
  EXPECT_EQ(choose_language("en;q=0, zhuang, x", kZh), kZh);
  EXPECT_EQ(choose_language(";;,,q=,=;q=", kEn), kEn);
}

TEST(Messages, WhatMaySucceedLaterSaysWhen) {
  const Error error = make_error(Code::kRateLimited, Duration::millis(5'001));
  EXPECT_EQ(error.code, "rate_limited");
  EXPECT_EQ(error.message, message(Code::kRateLimited, Language::kEnglish));
  EXPECT_EQ(error.retry_after, Duration::millis(5'001));
  EXPECT_EQ(make_error(Code::kRateLimited).retry_after, Duration());
}

}  // namespace
}  // namespace loopcast::app
