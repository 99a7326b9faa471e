#include "http/utf8.h"

#include <gtest/gtest.h>

namespace loopcast::http {
namespace {

TEST(Utf8, CountsUtf16CodeUnits) {
  EXPECT_EQ(utf16_length(""), 0u);
  EXPECT_EQ(utf16_length("abc"), 3u);
  EXPECT_EQ(utf16_length("\u00e9\u4f60"), 2u);
  EXPECT_EQ(utf16_length("\U0001F600"), 2u);  // a surrogate pair
}

TEST(Utf8, RefusesWhatIsNotUtf8) {
  for (const std::string_view bad :
       {"\x80", "\xC0\x80", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE4\xBD", "\xFF"})
    EXPECT_FALSE(is_utf8(bad));
  EXPECT_TRUE(is_utf8("\xF4\x8F\xBF\xBF"));
  EXPECT_TRUE(is_utf8("\xED\x9F\xBF"));
}

TEST(Utf8, PrefixOfSoManyCodeUnits) {
  EXPECT_EQ(utf16_prefix("\u4f60ab", 2), 4u);
  EXPECT_EQ(utf16_prefix("\U0001F600a", 2), 4u);
  EXPECT_EQ(utf16_prefix("\U0001F600a", 1), std::nullopt);  // inside the pair
  EXPECT_EQ(utf16_prefix("ab", 3), std::nullopt);
  EXPECT_EQ(utf16_prefix("ab\xff", 2), 2u);  // what follows does not matter
}

}  // namespace
}  // namespace loopcast::http
