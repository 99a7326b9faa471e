// Owners of what libav allocates.
#pragma once

#include <memory>
#include <string>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>
}

namespace loopcast::record {

struct AvDeleter {
  void operator()(AVFormatContext* p) const { avformat_close_input(&p); }
  void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }
  void operator()(AVFrame* p) const { av_frame_free(&p); }
  void operator()(AVPacket* p) const { av_packet_free(&p); }
  void operator()(SwsContext* p) const { sws_freeContext(p); }
};
template <typename T>
using AvPtr = std::unique_ptr<T, AvDeleter>;

// A file of ours, with its streams known; nullptr if it is none. Nothing but that file is opened.
// For tests and benchmarks: the server decodes nothing of strangers in its own process.
inline AvPtr<AVFormatContext> open_media(const std::string& path) {
  // What it says of files is told by what becomes of them.
  av_log_set_level(AV_LOG_QUIET);
  AVFormatContext* context = nullptr;
  AVDictionary* options = nullptr;
  av_dict_set(&options, "protocol_whitelist", "file", 0);
  av_dict_set(&options, "format_whitelist", "mov,matroska", 0);
  const int opened = avformat_open_input(&context, ("file:" + path).c_str(), nullptr, &options);
  av_dict_free(&options);
  if (opened < 0) return nullptr;
  AvPtr<AVFormatContext> media(context);
  if (avformat_find_stream_info(context, nullptr) < 0) return nullptr;
  return media;
}

}  // namespace loopcast::record
