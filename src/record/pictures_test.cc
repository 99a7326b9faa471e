// A decoder of strangers' pictures that crashes, hangs or fails costs what it was to make.
#include "record/pictures.h"

#include <fstream>

#include <sys/stat.h>

#include "record/recording_fixture.h"

namespace loopcast::record {
namespace {

namespace fs = std::filesystem;

class PicturesTest : public ::testing::Test {
 protected:
  PicturesTest() {
    std::ofstream(media) << "media";
    std::ofstream(prefix + ".jpg") << "old";
  }
  Pictures run(const std::string& script) {
    const std::string program = folder.path() + "/program";
    fs::remove(program);
    std::ofstream(program) << "#!/bin/sh\n" << script;
    ::chmod(program.c_str(), 0700);
    return make_pictures(program, media, prefix, stop);
  }
  static std::string text_of(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  Folder folder;
  std::string media = folder.path() + "/media", prefix = folder.path() + "/id";
  std::atomic<bool> stop = false;
};

TEST_F(PicturesTest, WhatIsMadeAppears) {
  const Pictures made = run(R"sh([ "$1" = --make-pictures ] || exit 1
[ "$(cat <&3)" = media ] || exit 1
[ -z "$HOME" ] || exit 1
echo thumbnail >&4; printf t >&7; echo sprites >&5; echo layout >&6; printf s >&7)sh");
  EXPECT_TRUE(made.thumbnail);
  EXPECT_TRUE(made.sprites);
  EXPECT_EQ(text_of(prefix + ".jpg"), "thumbnail\n");
  EXPECT_EQ(text_of(prefix + ".sprite.jpg"), "sprites\n");
  EXPECT_EQ(text_of(prefix + ".sprite.json"), "layout\n");
}

TEST_F(PicturesTest, ACrashCostsWhatWasNotMadeYet) {
  const Pictures made = run("echo thumbnail >&4; printf t >&7; echo half >&5; kill -SEGV $$");
  EXPECT_TRUE(made.thumbnail);
  EXPECT_FALSE(made.sprites);
  EXPECT_FALSE(fs::exists(prefix + ".sprite.jpg"));
  const Pictures none = run("echo half >&4; kill -KILL $$");
  EXPECT_FALSE(none.thumbnail);
  EXPECT_EQ(text_of(prefix + ".jpg"), "thumbnail\n") << "as it was";
  for (const auto& entry : fs::directory_iterator(folder.path()))
    EXPECT_NE(entry.path().extension(), ".new");
}

TEST_F(PicturesTest, OneThatHangsEndsWithTheServer) {
  stop = true;
  const Pictures made = run("exec sleep 1000");
  EXPECT_FALSE(made.thumbnail);
}

TEST_F(PicturesTest, NothingIsMadeWithoutAProgramOrMedia) {
  EXPECT_FALSE(make_pictures("/nowhere", media, prefix, stop).thumbnail);
  EXPECT_FALSE(make_pictures("/bin/true", folder.path() + "/none", prefix, stop).thumbnail);
  EXPECT_FALSE(make_pictures("/bin/true", media, prefix, stop).thumbnail);
}

}  // namespace
}  // namespace loopcast::record
