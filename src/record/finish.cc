#include "record/finish.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "record/byte_builder.h"
#include "record/file.h"
#include "record/measure.h"
#include "record/mp4.h"
#include "record/scan.h"
#include "record/webm.h"

namespace loopcast::record {
namespace {

namespace fs = std::filesystem;

const char* extension(Format format) { return format == Format::kMp4 ? ".mp4" : ".webm"; }

Error empty_error() { return {"recording_empty", "Nothing was recorded that could be played."}; }

std::vector<Track> tracks_of(const MediaIndex& index) {
  std::vector<Track> tracks;
  for (const TrackIndex& track : index.tracks) tracks.push_back(track.track);
  return tracks;
}

std::vector<uint8_t> make_index(Format format, const MediaIndex& index,
                                const std::vector<Range>& ranges) {
  if (format == Format::kMp4) return mp4_index(index.tracks, ranges);
  return webm_index(tracks_of(index), index.cues, ranges,
                    static_cast<uint64_t>(index.duration().ms()));
}

// An mdat header with 64 bits of length, for so many bytes of contents.
void append_large_mdat(std::vector<uint8_t>& bytes, uint64_t contents) {
  ByteBuilder out(bytes);
  out.u32(1);
  out.text("mdat");
  out.u64(contents + kMp4LargeHeader);
}

std::vector<uint8_t> word(uint32_t value) {
  std::vector<uint8_t> bytes;
  ByteBuilder(bytes).u32(value);
  return bytes;
}

// Shows what was written behind the back of the first box, once that is on the disk.
Status show(File& file, uint64_t at, Bytes length) {
  if (Status synced = file.sync(); !synced) return synced;
  if (Status shown = file.write(at, length); !shown) return shown;
  return file.sync();
}

Status index_mp4_in_place(File& file, const MediaIndex& index) {
  const std::vector<uint8_t> moov = make_index(Format::kMp4, index, index.ranges);
  const uint64_t media = index.end - kMp4FirstFragment;
  // Behind the empty `free`: the index, a `free` of the rest of the room, the header of the mdat.
  const uint64_t room = kMp4IndexRoom - 8;
  std::vector<uint8_t> mdat;
  append_large_mdat(mdat, media);
  const uint64_t mdat_at = kMp4FirstFragment - kMp4LargeHeader;
  if (Status written = file.write(mdat_at, mdat); !written) return written;
  if (moov.size() + kMp4LargeHeader + 8 > room) {
    // Longer than the room is for: the index goes to the end, where players find it as well.
    if (Status written = file.write(index.end, moov); !written) return written;
    return show(file, kMp4FileType, word(kMp4IndexRoom - kMp4LargeHeader));
  }
  std::vector<uint8_t> head = moov;
  const auto rest = static_cast<uint32_t>(room - moov.size() - kMp4LargeHeader);
  ByteBuilder out(head);
  out.u32(rest);
  out.text("free");
  if (Status written = file.write(kMp4FileType + 8, head); !written) return written;
  return show(file, kMp4FileType, word(8));
}

Status index_webm_in_place(File& file, MediaIndex& index) {
  std::vector<uint8_t> head = make_index(Format::kWebm, index, index.ranges);
  // As many cues as there is room for, evenly.
  while (head.size() + 2 * kVoidHeader > kWebmIndexRoom && !index.cues.empty()) {
    std::vector<Cue> half;
    for (size_t i = 0; i < index.cues.size(); i += 2) half.push_back(index.cues[i]);
    if (half.size() == index.cues.size()) half.clear();
    index.cues = std::move(half);
    head = make_index(Format::kWebm, index, index.ranges);
  }
  const std::vector<uint8_t> rest = webm_void(kWebmIndexRoom - kVoidHeader - head.size());
  head.insert(head.end(), rest.begin(), rest.end());
  if (Status written = file.write(kWebmSegment + kVoidHeader, head); !written) return written;
  // Tracks are in the index now.
  for (const Range& element : index.tracks_elements)
    if (Status hidden = file.write(element.offset, webm_void(element.size)); !hidden) return hidden;
  const uint64_t contents = index.end - kWebmSegment;
  if (Status sized = file.write(kWebmSegmentSizeAt, webm_size(contents)); !sized) return sized;
  return show(file, kWebmSegment + 1, webm_size(0));
}

bool is_indexed(const File& file, Format format) {
  std::vector<uint8_t> bytes(8);
  if (format == Format::kMp4)
    return file.read(kMp4FileType, bytes) && load_u32(bytes.data()) != kMp4IndexRoom;
  return file.read(kWebmSegment + 1, bytes) && bytes == webm_size(0);
}

// The media alone, behind an index of their size.
Status copy_compact(const File& from, Format format, const MediaIndex& index,
                    const std::string& path) {
  std::error_code ignored;
  fs::remove(path, ignored);
  auto to = File::create(path);
  if (!to) return to.error();
  uint64_t media = 0;
  for (const Range& range : index.ranges) media += range.size;
  std::vector<uint8_t> head = format == Format::kMp4 ? mp4_file_type() : webm_segment();
  const size_t index_size = make_index(format, index, index.ranges).size();
  const size_t head_size =
      head.size() + index_size + (format == Format::kMp4 ? kMp4LargeHeader : kVoidHeader);
  std::vector<Range> ranges = index.ranges;
  uint64_t at = head_size;
  for (Range& range : ranges) {
    range.offset = at;
    at += range.size;
  }
  if (format == Format::kWebm) {
    const std::vector<uint8_t> gap = webm_void(kVoidHeader);
    head.insert(head.end(), gap.begin(), gap.end());
    const std::vector<uint8_t> size = webm_size(head_size + media - kWebmSegment);
    std::copy(size.begin(), size.end(), head.begin() + kWebmSegmentSizeAt);
  }
  const std::vector<uint8_t> body = make_index(format, index, ranges);
  head.insert(head.end(), body.begin(), body.end());
  if (format == Format::kMp4) append_large_mdat(head, media);
  if (Status written = to->write(0, head); !written) return written;
  for (size_t i = 0; i < ranges.size(); ++i) {
    const Status copied =
        to->copy_from(from, index.ranges[i].offset, ranges[i].offset, ranges[i].size);
    if (!copied) return copied;
  }
  return to->sync();
}

Finished facts_of(const MediaIndex& index, Format format) {
  Finished facts;
  facts.format = format;
  facts.duration = index.duration();
  facts.cut = index.cut;
  for (const TrackIndex& track : index.tracks) {
    if (!wire::is_video(track.track.codec)) {
      facts.sound = true;
      continue;
    }
    if (!facts.video) facts.video = track.track.codec;
    if (uint64_t{track.track.width} * track.track.height >= uint64_t{facts.width} * facts.height) {
      facts.width = track.track.width;
      facts.height = track.track.height;
    }
  }
  return facts;
}

Status rename_durably(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) return storage_error(errno, to);
  return sync_folder(to);
}

Expected<Finished> finish_growing(const std::string& path, const std::string& target,
                                  Format format) {
  auto file = File::open(path);
  if (!file) return file.error();
  MediaIndex index = format == Format::kMp4 ? scan_mp4(*file) : scan_webm(*file);
  if (index.tracks.empty()) return empty_error();
  Finished facts = facts_of(index, format);
  facts.path = target;
  const bool indexed = is_indexed(*file, format);
  if (!indexed && index.end <= kMaxCopied) {
    const std::string copy = target + ".new";
    if (copy_compact(*file, format, index, copy)) {
      if (Status renamed = rename_durably(copy, target); !renamed) return renamed.error();
      std::error_code ignored;
      fs::remove(path, ignored);
      facts.bytes = fs::file_size(target, ignored);
      return facts;
    }
    // A full disk: in place there is more room.
    std::error_code ignored;
    fs::remove(copy, ignored);
  }
  if (!indexed) {
    if (index.cut)
      if (Status cut = file->truncate(index.end); !cut) return cut.error();
    const Status done = format == Format::kMp4 ? index_mp4_in_place(*file, index)
                                               : index_webm_in_place(*file, index);
    if (!done) return done.error();
  }
  facts.bytes = file->size();
  if (Status renamed = rename_durably(path, target); !renamed) return renamed.error();
  return facts;
}

}  // namespace

std::string growing_path(const std::string& folder, const std::string& id, Format format) {
  return (fs::path(folder) / (id + ".part" + extension(format))).string();
}

std::string finished_path(const std::string& folder, const std::string& id, Format format) {
  return (fs::path(folder) / (id + extension(format))).string();
}

Expected<Finished> finish(const std::string& folder, const std::string& id) {
  std::error_code ignored;
  for (const Format format : {Format::kMp4, Format::kWebm}) {
    const std::string growing = growing_path(folder, id, format);
    if (fs::exists(growing, ignored))
      return finish_growing(growing, finished_path(folder, id, format), format);
    // What is missing is only that somebody heard of it.
    const std::string finished = finished_path(folder, id, format);
    if (fs::exists(finished, ignored)) return measure(finished, format);
  }
  return empty_error();
}

}  // namespace loopcast::record
