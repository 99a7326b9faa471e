#include "app/avatar_image.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "app/image_upload.h"
#include "app/messages.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

namespace loopcast::app {
namespace {

constexpr size_t kSide = kAvatarSide;
// Of 1 (best) to 31: about 15 kB for a photograph.
constexpr int kQuality = 3;
// Scaled to a square, a longer strip would be a smear.
constexpr int kMaxAspect = 50;

struct FreeContext {
  void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }
};
struct FreeFrame {
  void operator()(AVFrame* p) const { av_frame_free(&p); }
};
struct FreePacket {
  void operator()(AVPacket* p) const { av_packet_free(&p); }
};
struct FreeScaler {
  void operator()(SwsContext* p) const { sws_freeContext(p); }
};
using Context = std::unique_ptr<AVCodecContext, FreeContext>;
using Frame = std::unique_ptr<AVFrame, FreeFrame>;
using Packet = std::unique_ptr<AVPacket, FreePacket>;
using Scaler = std::unique_ptr<SwsContext, FreeScaler>;

AVCodecID codec_of(ImageFormat format) {
  switch (format) {
    case ImageFormat::kPng:
      return AV_CODEC_ID_PNG;
    case ImageFormat::kJpeg:
      return AV_CODEC_ID_MJPEG;
    case ImageFormat::kWebp:
      return AV_CODEC_ID_WEBP;
  }
  return AV_CODEC_ID_NONE;
}

Context open(const AVCodec* codec) {
  Context context(codec ? avcodec_alloc_context3(codec) : nullptr);
  if (!context) return nullptr;
  context->thread_count = 1;
  // Whoever sends a broken picture is told; nobody else wants to read it in the log.
  context->log_level_offset = 2 * AV_LOG_TRACE;
  return context;
}

// Null if it is no picture, or too large a one.
Frame decode(ImageFormat format, Bytes image) {
  if (image.size() > kMaxAvatarUpload) return nullptr;
  const Context context = open(avcodec_find_decoder(codec_of(format)));
  const Packet packet(av_packet_alloc());
  Frame frame(av_frame_alloc());
  if (!context || !packet || !frame) return nullptr;
  context->max_pixels = kMaxAvatarPixels;
  if (avcodec_open2(context.get(), nullptr, nullptr) < 0) return nullptr;
  // A copy, with the zeros behind it that decoders read ahead into.
  if (av_new_packet(packet.get(), static_cast<int>(image.size())) < 0) return nullptr;
  std::memcpy(packet->data, image.data(), image.size());
  if (avcodec_send_packet(context.get(), packet.get()) < 0) return nullptr;
  if (avcodec_send_packet(context.get(), nullptr) < 0) return nullptr;
  if (avcodec_receive_frame(context.get(), frame.get()) < 0) return nullptr;
  return frame;
}

// The names of full-range formats say what the range says as well, and the scaler warns of them.
AVPixelFormat without_range(int format) {
  switch (format) {
    case AV_PIX_FMT_YUVJ420P:
      return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P:
      return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P:
      return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P:
      return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ411P:
      return AV_PIX_FMT_YUV411P;
    default:
      return static_cast<AVPixelFormat>(format);
  }
}

// `from` in another size and format.
Frame convert(const AVFrame& from, int width, int height, AVPixelFormat format) {
  Frame to(av_frame_alloc());
  if (!to) return nullptr;
  to->width = width;
  to->height = height;
  to->format = format;
  to->color_range = AVCOL_RANGE_JPEG;
  if (av_frame_get_buffer(to.get(), 0) < 0) return nullptr;
  // Each pixel of a smaller picture is the mean of those that it covers.
  const Scaler scaler(sws_getContext(from.width, from.height, without_range(from.format), width,
                                     height, format, SWS_AREA | SWS_ACCURATE_RND, nullptr, nullptr,
                                     nullptr));
  if (!scaler) return nullptr;
  const int* matrix = sws_getCoefficients(SWS_CS_ITU601);  // of JFIF and WebP
  const bool full =
      from.color_range == AVCOL_RANGE_JPEG || without_range(from.format) != from.format;
  // Fails for formats that have no matrix, and then nothing is to be set.
  sws_setColorspaceDetails(scaler.get(), matrix, full, matrix, 1, 0, 1 << 16, 1 << 16);
  if (sws_scale(scaler.get(), from.data, from.linesize, 0, from.height, to->data, to->linesize) <=
      0)
    return nullptr;
  return to;
}

// The middle square of a picture, as small as the result; RGBA.
Frame middle_square(Frame frame) {
  const auto* description = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame->format));
  if (!description) return nullptr;
  // What packs several pixels into a byte cannot be cropped where it stands.
  if (description->flags & AV_PIX_FMT_FLAG_BITSTREAM)
    frame = convert(*frame, frame->width, frame->height, AV_PIX_FMT_GRAY8);
  if (!frame) return nullptr;
  const int side = std::min(frame->width, frame->height);
  if (side <= 0 || std::max(frame->width, frame->height) / side > kMaxAspect) return nullptr;
  frame->crop_left = static_cast<size_t>(frame->width - side) / 2;
  frame->crop_right = static_cast<size_t>(frame->width - side) - frame->crop_left;
  frame->crop_top = static_cast<size_t>(frame->height - side) / 2;
  frame->crop_bottom = static_cast<size_t>(frame->height - side) - frame->crop_top;
  if (av_frame_apply_cropping(frame.get(), AV_FRAME_CROP_UNALIGNED) < 0) return nullptr;
  return convert(*frame, kAvatarSide, kAvatarSide, AV_PIX_FMT_RGBA);
}

// 1 to 8 (Exif 2.3, section 4.6.4): how a camera was held.
int orientation_of(const AVFrame& frame) {
  const auto* entry = av_dict_get(frame.metadata, "Orientation", nullptr, 0);
  const int value = entry ? std::atoi(entry->value) : 1;
  return value >= 1 && value <= 8 ? value : 1;
}

// Turned upright and laid on white; RGB.
Frame upright(const AVFrame& square, int orientation) {
  Frame out(av_frame_alloc());
  if (!out) return nullptr;
  out->width = out->height = kAvatarSide;
  out->format = AV_PIX_FMT_RGB24;
  out->color_range = AVCOL_RANGE_JPEG;
  if (av_frame_get_buffer(out.get(), 0) < 0) return nullptr;
  const bool swapped = orientation >= 5;
  const bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  for (size_t y = 0; y < kSide; ++y) {
    uint8_t* to = out->data[0] + y * static_cast<size_t>(out->linesize[0]);
    for (size_t x = 0; x < kSide; ++x, to += 3) {
      size_t from_x = swapped ? y : x;
      size_t from_y = swapped ? x : y;
      if (flip_x) from_x = kSide - 1 - from_x;
      if (flip_y) from_y = kSide - 1 - from_y;
      const uint8_t* from =
          square.data[0] + from_y * static_cast<size_t>(square.linesize[0]) + from_x * 4;
      const int alpha = from[3];
      for (size_t c = 0; c < 3; ++c)
        to[c] = static_cast<uint8_t>((from[c] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  }
  return out;
}

std::string encode(const AVFrame& rgb) {
  const AVCodec* const codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
  const Context context = open(codec);
  const Packet packet(av_packet_alloc());
  const Frame frame = convert(rgb, rgb.width, rgb.height, AV_PIX_FMT_YUV420P);
  if (!context || !packet || !frame) return {};
  context->width = frame->width;
  context->height = frame->height;
  context->pix_fmt = AV_PIX_FMT_YUV420P;
  context->color_range = AVCOL_RANGE_JPEG;
  context->time_base = {1, 1};
  // The same picture gives the same bytes.
  context->flags |= AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_QSCALE;
  context->global_quality = FF_QP2LAMBDA * kQuality;
  frame->quality = context->global_quality;
  if (avcodec_open2(context.get(), codec, nullptr) < 0) return {};
  if (avcodec_send_frame(context.get(), frame.get()) < 0) return {};
  if (avcodec_send_frame(context.get(), nullptr) < 0) return {};
  if (avcodec_receive_packet(context.get(), packet.get()) < 0) return {};
  return {reinterpret_cast<const char*>(packet->data), static_cast<size_t>(packet->size)};
}

}  // namespace

Expected<std::string> make_avatar(Bytes upload) {
  const Error invalid = make_error(Code::kImageInvalid);
  const std::optional<ImageFormat> format = image_format(upload);
  if (!format) return invalid;
  if (*format == ImageFormat::kJpeg && count_jpeg_scans(upload) > kMaxJpegScans) return invalid;
  std::vector<uint8_t> png;
  if (*format == ImageFormat::kPng) png = essential_png(upload);
  Frame frame = decode(*format, *format == ImageFormat::kPng ? Bytes(png) : upload);
  if (!frame) return invalid;
  const int orientation = orientation_of(*frame);
  frame = middle_square(std::move(frame));
  if (frame) frame = upright(*frame, orientation);
  std::string jpeg = frame ? encode(*frame) : std::string();
  if (jpeg.empty()) return invalid;
  return jpeg;
}

}  // namespace loopcast::app
