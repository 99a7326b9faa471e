#include "app/password.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/common_passwords.h"

namespace loopcast::app {
namespace {

std::string code(std::string_view password, std::string_view nickname = "somebody") {
  const Status checked = check_new_password(password, nickname);
  return checked ? "ok" : checked.error().code;
}

TEST(Password, IsCountedInCharacters) {
  EXPECT_EQ(code("kolibr7"), "password_too_short");
  EXPECT_EQ(code("kolibri7"), "ok");
  // Seven and eight characters of three bytes each.
  EXPECT_EQ(code("直播间很好玩"), "password_too_short");
  EXPECT_EQ(code("直播间很好玩你我"), "ok");
  std::string longest;
  for (int i = 0; i < 32; ++i) longest += "直播ab";
  EXPECT_EQ(code(longest), "ok");
  EXPECT_EQ(code(longest + "b"), "password_too_long");
  EXPECT_EQ(code(std::string(1'000'000, 'x')), "password_too_long");
  EXPECT_EQ(code(""), "password_too_short");
}

TEST(Password, IsNotOneThatManyHave) {
  for (const char* common :
       {"password", "PassWord", "12345678", "123456789", "qwertyuiop", "iloveyou", "p@ssw0rd",
        "aaaaaaaa", "        ", "12121212", "啊啊啊啊啊啊啊啊"})
    EXPECT_EQ(code(common), "password_common") << common;
  EXPECT_EQ(code("correct horse"), "ok");
}

TEST(Password, IsNotTheNickname) {
  EXPECT_EQ(code("Zoë Berger", "zoë berger"), "password_common");
  EXPECT_EQ(code("Zoë Berger!", "zoë berger"), "ok");
}

TEST(Password, TheListIsSortedAndLongEnough) {
  std::string_view text = common_passwords();
  std::string_view before;
  int count = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    EXPECT_LT(before, line);
    EXPECT_GE(line.size(), kMinPasswordCharacters);
    EXPECT_TRUE(is_common_password(line)) << line;
    before = line;
    ++count;
  }
  EXPECT_EQ(count, 3000);
}

TEST(Password, IsTheSameFromEveryKeyboard) {
  EXPECT_EQ(prepare_password("cafe\u0301"), "caf\u00E9");
  EXPECT_EQ(prepare_password("caf\u00E9"), "caf\u00E9");
  // RFC 8265, section 4.3: spaces that are not ASCII, case and width.
  EXPECT_EQ(prepare_password("foo\u1680bar\u3000baz"), "foo bar baz");
  EXPECT_EQ(prepare_password("Correct Horse"), "Correct Horse");
  EXPECT_EQ(prepare_password("ａ"), "ａ");
  EXPECT_EQ(prepare_password(" x "), " x ");
  EXPECT_EQ(prepare_password("\xFF\xFE"), "\xFF\xFE");
  EXPECT_EQ(prepare_password(""), "");
}

}  // namespace
}  // namespace loopcast::app
