// The picture maker: the part of pictures.h that decodes.
#include "record/pictures.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <optional>
#include <span>
#include <vector>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/av.h"
#include "record/frame.h"
#include "record/picture_files.h"

namespace loopcast::record {
namespace {

constexpr int kThumbnailWidth = 320;
constexpr int kSpriteWidth = 160;
constexpr int kColumns = 10;
// A sprite every two seconds of a short recording; so many of a long one, evenly.
constexpr int kMaxSprites = 100;
constexpr double kMinInterval = 2;
// The thumbnail is from a tenth of the recording, as the very beginning is often black.
constexpr double kThumbnailAt = 0.1;
constexpr int kMaxHeight = 4 * kThumbnailWidth;
// MJPEG's scale of quality, 2 (best) to 31.
constexpr int kQuality = 5;
// Packets read for one picture: the keyframe, and what is interleaved with it.
constexpr int kMaxPackets = 2000;

// RGB would cost a conversion more: JPEG is this.
constexpr AVPixelFormat kPixels = AV_PIX_FMT_YUVJ420P;

AvPtr<AVFrame> make_frame(int width, int height) {
  AvPtr<AVFrame> frame(av_frame_alloc());
  frame->format = kPixels;
  frame->width = width;
  frame->height = height;
  if (av_frame_get_buffer(frame.get(), 0) < 0) return nullptr;
  return frame;
}

// Scales a picture into a part of another one, keeping its shape within width x height.
bool draw(const AVFrame& from, AVFrame& to, int x, int y, int width, int height) {
  const double scale = std::min(double(width) / from.width, double(height) / from.height);
  const int w = std::max(2, static_cast<int>(from.width * scale) & ~1);
  const int h = std::max(2, static_cast<int>(from.height * scale) & ~1);
  const AvPtr<SwsContext> scaler(sws_getContext(from.width, from.height,
                                                static_cast<AVPixelFormat>(from.format), w, h,
                                                kPixels, SWS_AREA, nullptr, nullptr, nullptr));
  if (!scaler) return false;
  x += ((width - w) / 2) & ~1;
  y += ((height - h) / 2) & ~1;
  uint8_t* planes[4] = {to.data[0] + y * to.linesize[0] + x,
                        to.data[1] + y / 2 * to.linesize[1] + x / 2,
                        to.data[2] + y / 2 * to.linesize[2] + x / 2, nullptr};
  return sws_scale(scaler.get(), from.data, from.linesize, 0, from.height, planes, to.linesize) > 0;
}

void make_black(AVFrame& frame) {
  for (int plane = 0; plane < 3; ++plane) {
    const int rows = plane == 0 ? frame.height : (frame.height + 1) / 2;
    std::fill_n(frame.data[plane], rows * frame.linesize[plane], plane == 0 ? 0 : 128);
  }
}

bool write_all(int fd, std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return true;
}

bool write_jpeg(const AVFrame& frame, int fd) {
  const AVCodec* codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
  if (!codec) return false;
  const AvPtr<AVCodecContext> encoder(avcodec_alloc_context3(codec));
  encoder->width = frame.width;
  encoder->height = frame.height;
  encoder->pix_fmt = kPixels;
  encoder->time_base = {1, 1};
  encoder->flags |= AV_CODEC_FLAG_QSCALE;
  encoder->global_quality = kQuality * FF_QP2LAMBDA;
  encoder->thread_count = 1;
  if (avcodec_open2(encoder.get(), codec, nullptr) < 0) return false;
  const AvPtr<AVFrame> picture(av_frame_clone(&frame));
  picture->quality = encoder->global_quality;
  picture->pts = 0;
  const AvPtr<AVPacket> packet(av_packet_alloc());
  if (avcodec_send_frame(encoder.get(), picture.get()) < 0) return false;
  avcodec_send_frame(encoder.get(), nullptr);
  if (avcodec_receive_packet(encoder.get(), packet.get()) < 0) return false;
  return write_all(
      fd, {reinterpret_cast<const char*>(packet->data), static_cast<size_t>(packet->size)});
}

// The recording, by the descriptor alone.
class Input {
 public:
  Input() {
    constexpr int kBuffer = 1 << 16;
    auto* buffer = static_cast<uint8_t*>(av_malloc(kBuffer));
    context_ = avio_alloc_context(buffer, kBuffer, 0, this, &Input::read, nullptr, &Input::seek);
  }
  ~Input() {
    if (context_) av_freep(&context_->buffer);
    avio_context_free(&context_);
  }
  Input(const Input&) = delete;
  AVIOContext* context() { return context_; }

 private:
  static int read(void* self, uint8_t* into, int size) {
    auto& input = *static_cast<Input*>(self);
    const ssize_t n = ::pread(kMediaFile, into, static_cast<size_t>(size), input.at_);
    if (n < 0) return AVERROR(errno);
    if (n == 0) return AVERROR_EOF;
    input.at_ += n;
    return static_cast<int>(n);
  }
  static int64_t seek(void* self, int64_t offset, int whence) {
    auto& input = *static_cast<Input*>(self);
    struct stat facts {};
    if (::fstat(kMediaFile, &facts) != 0) return AVERROR(errno);
    if (whence == AVSEEK_SIZE) return facts.st_size;
    if (whence == SEEK_CUR) offset += input.at_;
    if (whence == SEEK_END) offset += facts.st_size;
    if (offset < 0) return AVERROR(EINVAL);
    return input.at_ = offset;
  }

  AVIOContext* context_ = nullptr;
  int64_t at_ = 0;
};

AvPtr<AVFormatContext> open_input(Input& input) {
  av_log_set_level(AV_LOG_QUIET);
  AVFormatContext* context = avformat_alloc_context();
  if (!context || !input.context()) return nullptr;
  context->pb = input.context();
  context->flags |= AVFMT_FLAG_CUSTOM_IO;
  AVDictionary* options = nullptr;
  av_dict_set(&options, "format_whitelist", "mov,matroska", 0);
  const int opened = avformat_open_input(&context, nullptr, nullptr, &options);
  av_dict_free(&options);
  if (opened < 0) return nullptr;
  AvPtr<AVFormatContext> media(context);
  std::vector<AVDictionary*> limits(context->nb_streams);
  for (AVDictionary*& limit : limits)
    av_dict_set_int(&limit, "max_pixels", static_cast<int64_t>(kMaxPixels), 0);
  const int known = avformat_find_stream_info(context, limits.data());
  for (AVDictionary*& limit : limits) av_dict_free(&limit);
  if (known < 0) return nullptr;
  return media;
}

// The pictures of a file at any time.
class Reader {
 public:
  static std::optional<Reader> open(Input& input) {
    Reader reader;
    reader.media_ = open_input(input);
    if (!reader.media_ || reader.media_->duration <= 0) return std::nullopt;
    const AVCodec* codec = nullptr;
    reader.stream_ =
        av_find_best_stream(reader.media_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    if (reader.stream_ < 0 || !codec) return std::nullopt;
    // libaom and libvpx may come first in the list; those of libavcodec itself and dav1d are
    // faster.
    reader.decoder_.reset(avcodec_alloc_context3(codec));
    const AVStream& stream = *reader.media_->streams[reader.stream_];
    if (avcodec_parameters_to_context(reader.decoder_.get(), stream.codecpar) < 0)
      return std::nullopt;
    reader.decoder_->thread_count = 1;
    reader.decoder_->max_pixels = static_cast<int64_t>(kMaxPixels);
    reader.decoder_->skip_frame = AVDISCARD_NONKEY;
    if (avcodec_open2(reader.decoder_.get(), codec, nullptr) < 0) return std::nullopt;
    return reader;
  }

  double duration() const { return static_cast<double>(media_->duration) / AV_TIME_BASE; }

  // The keyframe at or before `seconds`; nullptr if it cannot be decoded.
  const AVFrame* at(double seconds) {
    const AVStream& stream = *media_->streams[stream_];
    const auto position = static_cast<int64_t>(seconds / av_q2d(stream.time_base));
    if (av_seek_frame(media_.get(), stream_, position, AVSEEK_FLAG_BACKWARD) < 0 &&
        av_seek_frame(media_.get(), stream_, position, 0) < 0)
      return nullptr;
    avcodec_flush_buffers(decoder_.get());
    const AvPtr<AVPacket> packet(av_packet_alloc());
    for (int i = 0; i < kMaxPackets && av_read_frame(media_.get(), packet.get()) >= 0; ++i) {
      const bool wanted = packet->stream_index == stream_ && (packet->flags & AV_PKT_FLAG_KEY) != 0;
      const bool sent = wanted && avcodec_send_packet(decoder_.get(), packet.get()) >= 0;
      av_packet_unref(packet.get());
      if (!sent) continue;
      // Nothing follows it: a decoder that holds pictures back gives this one out.
      avcodec_send_packet(decoder_.get(), nullptr);
      if (avcodec_receive_frame(decoder_.get(), frame_.get()) >= 0 && frame_->width > 0)
        return frame_.get();
      avcodec_flush_buffers(decoder_.get());
    }
    return nullptr;
  }

 private:
  AvPtr<AVFormatContext> media_;
  AvPtr<AVCodecContext> decoder_;
  AvPtr<AVFrame> frame_{av_frame_alloc()};
  int stream_ = -1;
};

int height_for(const AVFrame& frame, int width) {
  const int height = static_cast<int>(std::lround(double(width) * frame.height / frame.width));
  return std::clamp(height, 2, kMaxHeight) & ~1;
}

bool make_thumbnail(Reader& reader) {
  const AVFrame* picture = reader.at(reader.duration() * kThumbnailAt);
  if (!picture) return false;
  const int height = height_for(*picture, kThumbnailWidth);
  const auto out = make_frame(kThumbnailWidth, height);
  if (!out) return false;
  make_black(*out);
  return draw(*picture, *out, 0, 0, kThumbnailWidth, height) && write_jpeg(*out, kThumbnailFile);
}

bool make_sprites(Reader& reader) {
  const double duration = reader.duration();
  const double interval = std::max(kMinInterval, duration / kMaxSprites);
  const int count = std::max(1, static_cast<int>(std::ceil(duration / interval - 1e-6)));
  const int columns = std::min(count, kColumns);
  const int rows = (count + columns - 1) / columns;
  AvPtr<AVFrame> grid;
  int height = 0;
  for (int i = 0; i < count; ++i) {
    const AVFrame* picture = reader.at(i * interval);
    if (!picture) continue;
    if (!grid) {
      height = height_for(*picture, kSpriteWidth);
      grid = make_frame(columns * kSpriteWidth, rows * height);
      if (!grid) return false;
      make_black(*grid);
    }
    draw(*picture, *grid, i % columns * kSpriteWidth, i / columns * height, kSpriteWidth, height);
  }
  if (!grid || !write_jpeg(*grid, kSpritesFile)) return false;
  std::array<char, 200> json;
  const int size =
      std::snprintf(json.data(), json.size(),
                    R"({"interval":%.3f,"columns":%d,"rows":%d,"width":%d,"height":%d,"count":%d})",
                    interval, columns, rows, kSpriteWidth, height, count);
  return write_all(kLayoutFile, std::span(json).first(static_cast<size_t>(size)));
}

bool limit(int resource, rlim_t value) {
  const rlimit both{value, value};
  return ::setrlimit(static_cast<__rlimit_resource_t>(resource), &both) == 0;
}

// A decoder that something got hold of can read the one recording, write these files, and end.
bool take_limits() {
  constexpr rlim_t kMemory = rlim_t{1536} << 20;  // addresses: several of the largest pictures
  constexpr rlim_t kSeconds = 300;                // of the processor
  constexpr rlim_t kLargestFile = rlim_t{16} << 20;
  return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_DUMPABLE, 0) == 0 && ::close_range(kPictureFilesEnd, ~0U, 0) == 0 &&
         limit(RLIMIT_AS, kMemory) && limit(RLIMIT_CPU, kSeconds) &&
         limit(RLIMIT_FSIZE, kLargestFile) && limit(RLIMIT_NOFILE, kPictureFilesEnd) &&
         limit(RLIMIT_CORE, 0);
}

bool report(char made) { return write_all(kReportPipe, {&made, 1}); }

}  // namespace

int run_picture_maker() {
  if (!take_limits()) return 2;
  Input input;
  auto reader = Reader::open(input);
  if (!reader) return 1;
  const bool thumbnail = make_thumbnail(*reader);
  if (thumbnail && !report(kThumbnailMade)) return 1;
  const bool sprites = make_sprites(*reader);
  if (sprites && !report(kSpritesMade)) return 1;
  return thumbnail && sprites ? 0 : 1;
}

}  // namespace loopcast::record
