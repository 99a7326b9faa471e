#include "app/user.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace loopcast::app {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(User, IsGivenOutWithAnAvatar) {
  const PublicUser user = public_user({"abc-_1", "Alice", WallTime{1}});
  EXPECT_EQ(user, (PublicUser{"abc-_1", "Alice", "/avatars/abc-_1.41.svg"}));
  EXPECT_EQ(public_user({"abc-_1", "Alice", WallTime{1}, "0f"}).avatar, "/avatars/abc-_1.0f.jpg");
}

TEST(User, TheAvatarMovesWhenItChanges) {
  const auto path = [](const char* nickname) { return avatar_path({"id", nickname, WallTime{1}}); };
  EXPECT_EQ(path("alice"), path("Amy"));
  EXPECT_NE(path("alice"), path("bob"));
  EXPECT_EQ(path("播客"), "/avatars/id.64ad.svg");
  EXPECT_EQ(path("\xFF"), "/avatars/id.3f.svg");
}

TEST(User, TheAvatarSaysWhoseItIs) {
  for (const char* file : {"abc-_1.svg", "abc-_1.41.svg", "abc-_1.0f.jpg", "abc-_1"})
    EXPECT_EQ(avatar_owner(file), "abc-_1");
  EXPECT_EQ(avatar_owner(""), "");
}

TEST(User, IdsAreSafeInUrlsAndDiffer) {
  Random random = Random::from_number(1);
  const std::string id = make_id(random);
  EXPECT_EQ(id.size(), kIdLength);
  EXPECT_EQ(
      id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
      std::string::npos);
  EXPECT_NE(id, make_id(random));
}

TEST(Avatar, ShowsTheFirstCharacterAndIsDeterministic) {
  const std::string svg = avatar_svg("id", "alice");
  EXPECT_THAT(svg, StartsWith("<svg xmlns="));
  EXPECT_THAT(svg, EndsWith(">A</text></svg>"));
  EXPECT_EQ(svg, avatar_svg("id", "alice"));
  EXPECT_NE(svg, avatar_svg("other", "alice"));
  EXPECT_THAT(avatar_svg("id", "播客"), HasSubstr(">播</text>"));
}

TEST(Avatar, CannotInjectMarkup) {
  EXPECT_THAT(avatar_svg("id", "<script>"), HasSubstr(">&lt;</text>"));
  EXPECT_THAT(avatar_svg("id", "&amp;"), HasSubstr(">&amp;</text>"));
  EXPECT_THAT(avatar_svg("id", "\"x"), HasSubstr(">&quot;</text>"));
  EXPECT_THAT(avatar_svg("id", "\xFF\xFE"), HasSubstr(">?</text>"));
  EXPECT_THAT(avatar_svg("id", std::string_view("\0", 1)), HasSubstr(">?</text>"));
  EXPECT_THAT(avatar_svg("id", ""), HasSubstr(">?</text>"));
  // The id only chooses colours.
  EXPECT_THAT(avatar_svg("\"/><script>", "a"), Not(HasSubstr("script")));
}

}  // namespace
}  // namespace loopcast::app
