// The port to the recorder: what the product asks of it, and what it reports. Plain values both
// ways, as with the media core; nothing here waits for an answer.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "app/media.h"
#include "base/expected.h"
#include "base/time.h"

namespace loopcast::app {

// Facts of one recording, as measured from its file.
struct RecordingFacts {
  std::string file;  // name inside the recordings folder: "<id>.mp4" or "<id>.webm"
  Duration duration;
  uint32_t width = 0;  // pixels of the largest picture; 0: no video
  uint32_t height = 0;
  std::string video_codec;  // "h264", "vp9", "av1", "vp8"; empty: none
  std::string audio_codec;  // "opus"; empty: none
  uint64_t bytes = 0;
  bool operator==(const RecordingFacts&) const = default;
};

// `recording` is an id of 128 random bits in URL-safe characters; files are named after it. Calls
// for one recording take effect in the order in which they were made.
class Recorder {
 public:
  virtual ~Recorder() = default;
  // Writes what `publisher` sends. The same recording may be started again with another publisher
  // (a presenter who came back): it goes on.
  virtual void start(const std::string& recording, MediaId publisher) = 0;
  // Nothing more comes: makes a file that plays everywhere of it, also of one that an earlier run
  // of the server left behind. → RecordingFinished or RecordingLost
  virtual void finish(const std::string& recording) = 0;
  // Deletes all files of a recording: media, thumbnail, sprites. → RecordingRemoved
  virtual void remove(const std::string& recording) = 0;
};

// What the publisher sends now cannot go on in the same file, as players would not show it: another
// codec. Nothing of it is written until another recording is started with it.
struct RecordingUnfit {
  std::string recording;
  MediaId publisher = 0;
  WallTime at;
};
// The file can be played. RecordingPictures may follow.
struct RecordingFinished {
  std::string recording;
  RecordingFacts facts;
  bool damaged = false;  // its end was cut off: the server or the disk failed
};
// There is nothing that could be played.
struct RecordingLost {
  std::string recording;
  Error error;
};
// Told to the presenter and the operator; whether the recording goes on or not. error.code:
// "disk_full", "recording_storage" (the folder or the disk), "recording_overloaded" (the disk is
// too slow, and a part is missing), "recording_rate" (more came than is recorded, and a part is
// missing), "disk_low" (the disk is nearly full: nothing more is written, and the recording is to
// be finished). At most once for each code and recording.
struct RecordingTrouble {
  std::string recording;
  Error error;
};
struct RecordingPictures {
  std::string recording;
  bool thumbnail = false;
  bool sprites = false;
};
struct RecordingRemoved {
  std::string recording;
  Status done = ok();
};
using RecorderEvent = std::variant<RecordingUnfit, RecordingFinished, RecordingLost,
                                   RecordingTrouble, RecordingPictures, RecordingRemoved>;

}  // namespace loopcast::app
