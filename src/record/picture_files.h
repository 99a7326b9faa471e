// What the server and its picture maker agree on: the descriptors that the latter has.
#pragma once

namespace loopcast::record {

enum PictureFile : int {
  kMediaFile = 3,      // the recording, to read
  kThumbnailFile = 4,  // empty files, to write
  kSpritesFile = 5,
  kLayoutFile = 6,
  kReportPipe = 7,  // a letter for each that is whole
  kPictureFilesEnd = 8,
};
constexpr char kThumbnailMade = 't';
constexpr char kSpritesMade = 's';

}  // namespace loopcast::record
