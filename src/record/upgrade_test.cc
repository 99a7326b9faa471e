// Files as an earlier version finished them: with `stz2`, which Firefox does not read.
#include "record/upgrade.h"

#include "record/mp4.h"
#include "record/mp4_boxes.h"
#include "record/mp4_reader.h"
#include "record/recording_fixture.h"
#include "record/scan.h"

namespace loopcast::record {
namespace {

namespace fs = std::filesystem;

std::vector<uint8_t> read_all(const std::string& path) {
  auto file = File::open(path);
  std::vector<uint8_t> bytes(file->size());
  EXPECT_TRUE(file->read(0, bytes));
  return bytes;
}
void write_all(const std::string& path, Bytes bytes) {
  fs::remove(path);
  auto file = File::create(path);
  EXPECT_TRUE(file->write(0, bytes));
}

// The index as it was written earlier.
void copy_with_stz2(ByteBuilder& out, Bytes contents) {
  ByteReader r(contents);
  while (const auto box = next_box(r)) {
    const std::string type{static_cast<char>(box->type >> 24), static_cast<char>(box->type >> 16),
                           static_cast<char>(box->type >> 8), static_cast<char>(box->type)};
    const bool sizes = type == "stsz";
    const Box copy(out, sizes ? "stz2" : type);
    if (sizes) {
      ByteReader old(box->contents);
      old.skip(8);
      const uint32_t count = old.u32();
      out.u32(0);
      out.u32(16);
      out.u32(count);
      for (uint32_t i = 0; i < count; ++i) out.u16(static_cast<uint16_t>(old.u32()));
    } else if (type == "trak" || type == "mdia" || type == "minf" || type == "stbl") {
      copy_with_stz2(out, box->contents);
    } else {
      out.bytes(box->contents);
    }
  }
}
std::vector<uint8_t> old_index(Bytes moov) {
  std::vector<uint8_t> bytes;
  ByteBuilder out(bytes);
  const Box box(out, "moov");
  copy_with_stz2(out, moov.subspan(8));
  return bytes;
}
void append_free(std::vector<uint8_t>& bytes, size_t size) {
  ByteBuilder out(bytes);
  out.u32(static_cast<uint32_t>(size));
  out.text("free");
  out.zeros(size - 8);
}

class UpgradeTest : public RecordingTest {
 protected:
  // Makes a recording; what its file holds behind ftyp.
  void SetUp() override {
    SyntheticPresenter presenter({}, now);
    feed(presenter.describe(1));
    run(presenter, 300);
    recording.finish(now);
    write();
    const std::string growing = growing_path(folder.path(), "id", Format::kMp4);
    auto part = File::open(growing);
    index = scan_mp4(*part);
    grown = read_all(growing);
    const auto done = finish(folder.path(), "id");
    ASSERT_TRUE(done);
    path = done->path;
    expected = read_back(path);
    whole = read_all(path);
    moov_size = load_u32(&whole[kMp4FileType]);
  }
  void expect_plays() {
    const Contents contents = read_back(path);
    EXPECT_EQ(contents.pictures.size(), expected.pictures.size());
    EXPECT_EQ(contents.sound.size(), expected.sound.size());
    ASSERT_FALSE(contents.pictures.empty());
    EXPECT_EQ(contents.pictures.back().number, expected.pictures.back().number);
    EXPECT_EQ(contents.pictures.back().time, expected.pictures.back().time);
    EXPECT_NEAR(contents.duration, expected.duration, 0.001);
  }
  void expect_upgraded() {
    const auto first = upgrade_mp4(path);
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_TRUE(*first);
    expect_plays();
    const auto again = upgrade_mp4(path);
    ASSERT_TRUE(again);
    EXPECT_FALSE(*again) << "it is done";
  }
  // A short one: index and media without any room.
  std::vector<uint8_t> compact() const {
    const Bytes all(whole);
    const Bytes moov = all.subspan(kMp4FileType, moov_size);
    std::vector<uint8_t> old = old_index(moov);
    std::vector<uint8_t> bytes(all.begin(), all.begin() + kMp4FileType);
    bytes.insert(bytes.end(), old.begin(), old.end());
    // Media stay where the index says they are.
    append_free(bytes, kMp4FileType + moov_size - bytes.size());
    bytes.insert(bytes.end(), all.begin() + static_cast<ptrdiff_t>(kMp4FileType + moov_size),
                 all.end());
    return bytes;
  }
  // A long one: the index in its room, fragments in one mdat.
  std::vector<uint8_t> in_place(bool at_end) const {
    const std::vector<uint8_t> old = old_index(mp4_index(index.tracks, index.ranges));
    std::vector<uint8_t> bytes = mp4_file_type();
    if (at_end) {
      append_free(bytes, kMp4IndexRoom - kMp4LargeHeader);
    } else {
      append_free(bytes, 8);
      bytes.insert(bytes.end(), old.begin(), old.end());
      append_free(bytes, kMp4FirstFragment - kMp4LargeHeader - bytes.size());
    }
    ByteBuilder out(bytes);
    out.u32(1);
    out.text("mdat");
    out.u64(grown.size() - kMp4FirstFragment + kMp4LargeHeader);
    out.bytes(Bytes(grown).subspan(kMp4FirstFragment));
    if (at_end) out.bytes(old);
    return bytes;
  }

  MediaIndex index;
  std::vector<uint8_t> grown, whole;
  size_t moov_size = 0;
  std::string path;
  Contents expected;
};

TEST_F(UpgradeTest, NewFilesNeedNone) {
  const auto upgraded = upgrade_mp4(path);
  ASSERT_TRUE(upgraded);
  EXPECT_FALSE(*upgraded);
  EXPECT_EQ(read_all(path), whole);
}

TEST_F(UpgradeTest, AShortFile) {
  write_all(path, compact());
  expect_plays();
  expect_upgraded();
}

TEST_F(UpgradeTest, ALongFileWithItsIndexInTheRoom) {
  write_all(path, in_place(false));
  expect_plays();
  const uint64_t size = fs::file_size(path);
  expect_upgraded();
  EXPECT_EQ(fs::file_size(path), size) << "there is room for the index";
}

TEST_F(UpgradeTest, ALongFileWithItsIndexAtTheEnd) {
  write_all(path, in_place(true));
  expect_plays();
  expect_upgraded();
}

// Media stay where they are, for whoever has read the old index and is playing.
TEST_F(UpgradeTest, MediaStayWhereTheyAre) {
  for (const auto& old : {compact(), in_place(false), in_place(true)}) {
    write_all(path, old);
    ASSERT_TRUE(upgrade_mp4(path));
    const std::vector<uint8_t> fresh = read_all(path);
    ASSERT_GE(fresh.size(), old.size());
    const size_t from =
        old.size() == compact().size() ? kMp4FileType + moov_size : kMp4FirstFragment;
    const size_t until = std::min(old.size(), from + 100'000);
    EXPECT_TRUE(std::equal(old.begin() + static_cast<ptrdiff_t>(from),
                           old.begin() + static_cast<ptrdiff_t>(until),
                           fresh.begin() + static_cast<ptrdiff_t>(from)));
  }
}

// What a kill can leave: any part of what is written before the four bytes that decide.
TEST_F(UpgradeTest, AKillAtAnyMomentLeavesAFileThatPlaysAndIsUpgradedLater) {
  for (const auto& old : {compact(), in_place(false), in_place(true)}) {
    write_all(path, old);
    ASSERT_TRUE(upgrade_mp4(path));
    const std::vector<uint8_t> fresh = read_all(path);
    // Appended bytes come first, then the ones in place but for those four.
    for (const size_t share : {0, 3, 50, 97, 100}) {
      std::vector<uint8_t> killed = old;
      const size_t added = (fresh.size() - old.size()) * share / 100;
      killed.insert(killed.end(), fresh.begin() + static_cast<ptrdiff_t>(old.size()),
                    fresh.begin() + static_cast<ptrdiff_t>(old.size() + added));
      write_all(path, killed);
      expect_plays();
      expect_upgraded();
    }
  }
}

TEST_F(UpgradeTest, OtherFilesAreLeftAlone) {
  for (const std::string_view text : {"", "no movie", "\0\0\0\x10moov\0\0\0\x08stz2"}) {
    const std::vector<uint8_t> bytes(text.begin(), text.end());
    write_all(path, bytes);
    const auto upgraded = upgrade_mp4(path);
    EXPECT_TRUE(upgraded && !*upgraded);
    EXPECT_EQ(read_all(path), bytes);
  }
  EXPECT_FALSE(upgrade_mp4(folder.path() + "/none.mp4"));
}

TEST_F(UpgradeTest, AFolderIsLookedThroughOnce) {
  std::atomic<bool> stop = false;
  write_all(path, compact());
  write_all(folder.path() + "/b.mp4", in_place(true));
  write_all(folder.path() + "/c.part.mp4", in_place(true));
  const Upgraded first = upgrade_folder(folder.path(), stop);
  EXPECT_EQ(first.files, 2u);
  EXPECT_EQ(first.failed, 0u);
  expect_plays();
  write_all(path, compact());
  EXPECT_EQ(upgrade_folder(folder.path(), stop).files, 0u);
}

}  // namespace
}  // namespace loopcast::record
