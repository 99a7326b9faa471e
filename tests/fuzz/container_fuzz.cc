// What a recorder finds on its disk after a crash, behind the room for the index. The first byte
// chooses the format.
#include <cstdlib>
#include <string>

#include <sys/mman.h>

#include "record/mp4.h"
#include "record/scan.h"

using namespace loopcast;
using namespace loopcast::record;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const MediaIndex& index, const File& file) {
  require(index.end <= file.size() || index.ranges.empty());
  for (const Range& range : index.ranges)
    require(range.size <= file.size() && range.offset <= file.size() - range.size);
  for (const Cue& cue : index.cues) require(cue.range < index.ranges.size());
  (void)index.duration();
}

void check_mp4(const MediaIndex& index) {
  for (const TrackIndex& track : index.tracks) {
    const size_t samples = track.sizes.size();
    require(samples > 0 && track.durations.size() == samples);
    require(track.offsets.empty() || track.offsets.size() <= samples);
    for (const uint32_t sync : track.syncs) require(sync < samples);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static const int memory = memfd_create("container", MFD_CLOEXEC);
  static Expected<File> file = File::open("/proc/self/fd/" + std::to_string(memory));
  require(file.has_value());
  const bool mp4 = (data[0] & 1) == 0;
  const Bytes bytes{data + 1, size - 1};
  // Whole boxes are given to these by nobody but the scan below, which is not as free.
  (void)parse_mp4_tracks(bytes);
  (void)parse_mp4_fragment(bytes);
  (void)parse_webm_tracks(bytes);
  require(bool(file->truncate(0)));
  require(bool(file->write(mp4 ? kMp4FirstFragment : kWebmFirstCluster, bytes)));
  const MediaIndex index = mp4 ? scan_mp4(*file) : scan_webm(*file);
  check(index, *file);
  if (mp4) check_mp4(index);
  return 0;
}
