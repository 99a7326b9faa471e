// Recordings that an earlier version finished, made to play everywhere. Earlier versions wrote the
// sizes of samples as `stz2`, which Firefox does not read.
#pragma once

#include <atomic>
#include <string>

#include "base/expected.h"
#include "record/file.h"

namespace loopcast::record {

// Gives a finished MP4 file an index that every player reads, in place: the media stay where they
// are, so that whoever is playing the file goes on. Answers whether there was anything to do. Safe
// against a kill at any moment: one write of four bytes puts the new index in place of the old one,
// and a second run ends what the first one did not. Errors: "disk_full", "recording_storage".
Expected<bool> upgrade_mp4(const std::string& path);

struct Upgraded {
  size_t files = 0;   // that were written anew
  size_t failed = 0;  // that are as they were
  Error error;        // of the first of those
};
// All finished files of a folder, unless that was done before: a marker file says so once all of
// them are as they should be. `stop` ends it early when it becomes true; what is left is for the
// next time.
Upgraded upgrade_folder(const std::string& folder, const std::atomic<bool>& stop);

}  // namespace loopcast::record
