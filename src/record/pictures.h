// Thumbnail and seek pictures of a finished file, from its keyframes alone. Whoever presents
// decides what a decoder gets to see: it runs in a process of its own, with limits (decision 24).
#pragma once

#include <atomic>
#include <string>

namespace loopcast::record {

struct Pictures {
  bool thumbnail = false;
  bool sprites = false;
};

// The only argument of a program that calls run_picture_maker() and nothing else.
constexpr char kPictureMaker[] = "--make-pictures";

// Writes PREFIX.jpg (320 pixels wide), PREFIX.sprite.jpg (a grid of pictures 160 pixels wide, one
// for each interval, row by row) and PREFIX.sprite.json (interval in seconds, columns, rows, width
// and height of one, count). What cannot be made is left out, also if the decoder crashes or takes
// more than it may. Takes the time of decoding some hundred keyframes: for a thread of low
// priority, which the process inherits. `program` is what run_picture_maker() is in. `stop` ends it
// early when it becomes true.
Pictures make_pictures(const std::string& program, const std::string& path,
                       const std::string& prefix, const std::atomic<bool>& stop);

// That process: reads the file and writes the pictures by descriptors that it was handed, and can
// open nothing else. Answers its exit status.
int run_picture_maker();

}  // namespace loopcast::record
