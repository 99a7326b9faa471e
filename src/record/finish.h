// Makes a file that plays and seeks everywhere of one that has grown, also of one that a killed
// server left behind. What it takes does not depend on the size of the media: a long recording gets
// its index in place, a short one is copied without the room that was kept for it.
#pragma once

#include <optional>
#include <string>

#include "base/expected.h"
#include "base/time.h"
#include "record/track.h"

namespace loopcast::record {

struct Finished {
  std::string path;
  Format format = Format::kMp4;
  Duration duration;
  uint32_t width = 0;  // pixels of the largest picture; 0: no video
  uint32_t height = 0;
  std::optional<wire::Codec> video;
  bool sound = false;
  uint64_t bytes = 0;
  bool cut = false;  // something at its end was not whole
};

// Where the files of a recording are: the growing one, and the finished one.
std::string growing_path(const std::string& folder, const std::string& id, Format format);
std::string finished_path(const std::string& folder, const std::string& id, Format format);

// Media up to this size are copied.
constexpr uint64_t kMaxCopied = 64 << 20;

// Finds the growing file of the recording, or the finished one if that was all that was missing.
// Errors: "recording_empty" (no file, or no media in it), "disk_full", "recording_storage".
Expected<Finished> finish(const std::string& folder, const std::string& id);

}  // namespace loopcast::record
