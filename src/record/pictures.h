// Thumbnail and seek pictures of a finished file, from its keyframes alone.
#pragma once

#include <atomic>
#include <string>

namespace loopcast::record {

struct Pictures {
  bool thumbnail = false;
  bool sprites = false;
};

// Writes PREFIX.jpg (320 pixels wide), PREFIX.sprite.jpg (a grid of pictures 160 pixels wide, one
// for each interval, row by row) and PREFIX.sprite.json (interval in seconds, columns, rows, width
// and height of one, count). What cannot be made is left out. Takes the time of decoding some
// hundred keyframes: for a thread of low priority. `stop` ends it early when it becomes true.
Pictures make_pictures(const std::string& path, const std::string& prefix,
                       const std::atomic<bool>& stop);

}  // namespace loopcast::record
