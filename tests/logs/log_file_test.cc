#include "server/log_file.h"

#include <filesystem>
#include <fstream>
#include <latch>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace loopcast::server {
namespace {

using testing::ElementsAre;

class LogFileTest : public testing::Test {
 protected:
  LogFileTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "logs-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~LogFileTest() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::vector<std::string> lines(const std::string& name) const {
    std::vector<std::string> all;
    std::ifstream file(path(name));
    for (std::string line; std::getline(file, line);) all.push_back(line);
    return all;
  }

  std::filesystem::path folder_;
};

TEST_F(LogFileTest, HasEveryLineWhenItsThreadHasEnded) {
  {
    JobThread thread("logs", Priority::kNormal);
    LogFile file(thread);
    ASSERT_TRUE(file.open(path("a")));
    EXPECT_TRUE(file.write("1"));
    EXPECT_TRUE(file.write("2"));
  }
  {
    JobThread thread("logs", Priority::kNormal);
    LogFile file(thread);
    ASSERT_TRUE(file.open(path("a")));
    EXPECT_TRUE(file.write("3"));
  }
  EXPECT_THAT(lines("a"), ElementsAre("1", "2", "3"));
  struct stat status {};
  ASSERT_EQ(::stat(path("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(LogFileTest, ADiskThatHangsHoldsUpNobodyAndCostsOnlyWhatIsTooMuch) {
  std::latch disk(1);
  {
    JobThread thread("logs", Priority::kNormal);
    LogFile file(thread);
    ASSERT_TRUE(file.open(path("a")));
    thread.post([&] { disk.wait(); });
    for (size_t i = 0; i < LogFile::kQueue; ++i) ASSERT_TRUE(file.write(std::to_string(i)));
    EXPECT_FALSE(file.write("too much"));
    disk.count_down();
  }
  const auto written = lines("a");
  ASSERT_EQ(written.size(), LogFile::kQueue);
  EXPECT_EQ(written.back(), std::to_string(LogFile::kQueue - 1));
}

TEST_F(LogFileTest, GoesOnInANewFileAfterItWasMovedAway) {
  {
    JobThread thread("logs", Priority::kNormal);
    LogFile file(thread);
    ASSERT_TRUE(file.open(path("a")));
    file.write("before");
    std::filesystem::rename(path("a"), path("a.1"));
    file.write("between");
    file.reopen();
    file.write("after");
  }
  EXPECT_THAT(lines("a.1"), ElementsAre("before", "between"));
  EXPECT_THAT(lines("a"), ElementsAre("after"));
}

TEST_F(LogFileTest, KeepsTheOldFileWhereANewOneCannotBeMade) {
  {
    JobThread thread("logs", Priority::kNormal);
    LogFile file(thread);
    EXPECT_EQ(file.open(path("none/a")).error().code, "log_file");
    std::filesystem::create_directory(folder_ / "sub");
    ASSERT_TRUE(file.open(path("sub/a")));
    file.write("before");
    std::filesystem::rename(folder_ / "sub", folder_ / "moved");
    file.reopen();
    file.write("after");
  }
  EXPECT_THAT(lines("moved/a"), ElementsAre("before", "after"));
}

}  // namespace
}  // namespace loopcast::server
