#include "record/measure.h"

#include <filesystem>

#include "record/av.h"

namespace loopcast::record {
namespace {

std::optional<wire::Codec> codec_of(AVCodecID id) {
  switch (id) {
    case AV_CODEC_ID_H264:
      return wire::Codec::kH264;
    case AV_CODEC_ID_VP8:
      return wire::Codec::kVp8;
    case AV_CODEC_ID_VP9:
      return wire::Codec::kVp9;
    case AV_CODEC_ID_AV1:
      return wire::Codec::kAv1;
    default:
      return std::nullopt;
  }
}

}  // namespace

Expected<Finished> measure(const std::string& path, Format format) {
  const auto media = open_media(path);
  if (!media || media->duration <= 0)
    return Error{"recording_empty", "Nothing was recorded that could be played."};
  Finished facts;
  facts.path = path;
  facts.format = format;
  facts.duration = Duration::micros(media->duration);  // AV_TIME_BASE is a microsecond
  std::error_code ignored;
  facts.bytes = std::filesystem::file_size(path, ignored);
  for (unsigned i = 0; i < media->nb_streams; ++i) {
    const AVCodecParameters& parameters = *media->streams[i]->codecpar;
    if (parameters.codec_type == AVMEDIA_TYPE_AUDIO) facts.sound = true;
    if (parameters.codec_type != AVMEDIA_TYPE_VIDEO || facts.video) continue;
    facts.video = codec_of(parameters.codec_id);
    facts.width = static_cast<uint32_t>(parameters.width);
    facts.height = static_cast<uint32_t>(parameters.height);
  }
  return facts;
}

}  // namespace loopcast::record
