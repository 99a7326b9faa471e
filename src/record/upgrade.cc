#include "record/upgrade.h"

#include <array>
#include <filesystem>
#include <system_error>

#include "record/byte_builder.h"
#include "record/mp4.h"
#include "record/mp4_boxes.h"
#include "record/mp4_reader.h"

namespace loopcast::record {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxIndex = 64 << 20;
// Its presence says that no file of the folder has an index of the old kind.
constexpr char kMarker[] = ".plain-index";

std::string_view name_of(uint32_t type, std::array<char, 4>& room) {
  for (size_t i = 0; i < 4; ++i) room[i] = static_cast<char>(type >> (24 - 8 * i));
  return {room.data(), room.size()};
}

// Copies boxes, with `stsz` for `stz2`. False: there is something in it that was never ours.
bool copy_boxes(ByteBuilder& out, Bytes contents, bool& changed) {
  ByteReader r(contents);
  while (const auto box = next_box(r)) {
    std::array<char, 4> room;
    if (box->type == fourcc("stz2")) {
      ByteReader old(box->contents);
      old.skip(4);
      const uint32_t width = old.u32(), count = old.u32();
      if (!old.ok() || width != 16 || old.remaining() != size_t{count} * 2) return false;
      const Box sizes(out, "stsz", 0, 0);
      out.u32(0);
      out.u32(count);
      for (uint32_t i = 0; i < count; ++i) out.u32(old.u16());
      changed = true;
      continue;
    }
    const Box copy(out, name_of(box->type, room));
    const bool inside = box->type == fourcc("trak") || box->type == fourcc("mdia") ||
                        box->type == fourcc("minf") || box->type == fourcc("stbl");
    if (!inside)
      out.bytes(box->contents);
    else if (!copy_boxes(out, box->contents, changed))
      return false;
  }
  return r.remaining() == 0;
}

Status write_synced(File& file, uint64_t at, Bytes bytes) {
  if (Status written = file.write(at, bytes); !written) return written;
  return file.sync();
}

std::vector<uint8_t> word(uint32_t value) {
  std::vector<uint8_t> bytes;
  ByteBuilder(bytes).u32(value);
  return bytes;
}

}  // namespace

Expected<bool> upgrade_mp4(const std::string& path) {
  auto file = File::open(path);
  if (!file) return file.error();
  std::optional<BoxPlace> before, index, behind;
  uint64_t end = 0;
  bool after_media = false;
  for (auto box = box_at(*file, 0); box; box = box_at(*file, end)) {
    if (index && !behind) behind = box;
    // A second index is what a kill left of an earlier run.
    if (index && box->type == fourcc("moov")) break;
    after_media |= box->type == fourcc("mdat");
    if (!index) (box->type == fourcc("moov") ? index : before) = box;
    end = box->at + box->size;
  }
  if (!index || index->size > kMaxIndex) return false;
  std::vector<uint8_t> old(index->size);
  if (!file->read(index->at, old)) return storage_error(EIO, path);
  std::vector<uint8_t> fresh;
  bool changed = false;
  {
    ByteBuilder out(fresh);
    const Box moov(out, "moov");
    if (!copy_boxes(out, Bytes(old).subspan(8), changed)) return false;
  }
  if (!changed) return false;
  // Where the room that was kept for the index has a place for it, it goes there, behind the back
  // of the box that fills the room. Then the box before the old index grows over that one.
  const bool roomy = before && before->type == fourcc("free") && before->size == 8 && behind &&
                     behind->type == fourcc("free") && behind->size >= fresh.size() + 16;
  if (roomy) {
    ByteBuilder out(fresh);
    const auto rest = static_cast<uint32_t>(behind->size - 8 - (fresh.size()));
    out.u32(rest);
    out.text("free");
    if (Status written = write_synced(*file, behind->at + 8, fresh); !written)
      return written.error();
    const auto hidden = static_cast<uint32_t>(8 + index->size + 8);
    if (Status shown = write_synced(*file, before->at, word(hidden)); !shown) return shown.error();
    return true;
  }
  // Otherwise it goes to the end, where players find it as well, and the old one is called free.
  if (!after_media) return false;
  if (end < file->size())
    if (Status cut = file->truncate(end); !cut) return cut.error();
  if (Status written = write_synced(*file, end, fresh); !written) {
    // The old index goes on to be the one.
    if (Status cut = file->truncate(end); !cut) return cut.error();
    return written.error();
  }
  if (Status hidden = write_synced(*file, index->at + 4, as_bytes("free")); !hidden)
    return hidden.error();
  return true;
}

Upgraded upgrade_folder(const std::string& folder, const std::atomic<bool>& stop) {
  Upgraded done;
  std::error_code error;
  const fs::path marker = fs::path(folder) / kMarker;
  if (fs::exists(marker, error)) return done;
  fs::directory_iterator it(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    if (stop) return done;
    const std::string path = it->path().string();
    if (it->path().extension() != ".mp4" || path.ends_with(".part.mp4")) continue;
    const auto upgraded = upgrade_mp4(path);
    if (upgraded) {
      done.files += *upgraded ? 1 : 0;
    } else if (done.failed++ == 0) {
      done.error = upgraded.error();
    }
  }
  if (error) {
    ++done.failed;
    done.error = storage_error(error.value(), folder);
  }
  if (done.failed > 0) return done;
  // Without it the next start looks again: nothing is lost.
  auto marked = File::create(marker.string());
  if (marked) static_cast<void>(marked->sync());
  return done;
}

}  // namespace loopcast::record
