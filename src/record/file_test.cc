#include "record/file.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "record/recording_fixture.h"

namespace loopcast::record {
namespace {

TEST(File, IsForTheServerAlone) {
  const Folder folder;
  // Whatever the umask leaves to others.
  const mode_t mask = ::umask(0);
  const auto file = File::create(folder.path() + "/recording");
  ::umask(mask);
  ASSERT_TRUE(file);
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(file->path()).permissions(),
            perms::owner_read | perms::owner_write);
}

}  // namespace
}  // namespace loopcast::record
