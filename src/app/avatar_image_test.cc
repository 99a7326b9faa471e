#include "app/avatar_image.h"

#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/image_upload.h"

extern "C" {
#include <libavcodec/avcodec.h>
}

namespace loopcast::app {
namespace {

using testing::AllOf;
using testing::Ge;
using testing::Le;

// testdata: 64 × 48 pixels in four colours, clockwise from the upper left: red, green, transparent,
// blue. "turned" is the same with the EXIF orientation "held upright, top to the right".
std::vector<uint8_t> image(const std::string& name) {
  std::ifstream in(std::string(LOOPCAST_IMAGES "/") + name, std::ios::binary);
  std::vector<uint8_t> bytes((std::istreambuf_iterator<char>(in)), {});
  EXPECT_FALSE(bytes.empty()) << name;
  return bytes;
}

struct Colour {
  int red, green, blue;
};

// The avatar as a decoder sees it: full-range YUV 4:2:0.
class Picture {
 public:
  explicit Picture(const std::string& jpeg) : frame_(av_frame_alloc()) {
    AVCodecContext* context = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_MJPEG));
    AVPacket* packet = av_packet_alloc();
    EXPECT_GE(avcodec_open2(context, nullptr, nullptr), 0);
    EXPECT_GE(av_new_packet(packet, static_cast<int>(jpeg.size())), 0);
    std::copy(jpeg.begin(), jpeg.end(), packet->data);
    EXPECT_GE(avcodec_send_packet(context, packet), 0);
    EXPECT_GE(avcodec_receive_frame(context, frame_), 0);
    av_packet_free(&packet);
    avcodec_free_context(&context);
  }
  ~Picture() { av_frame_free(&frame_); }
  Picture(const Picture&) = delete;
  Picture& operator=(const Picture&) = delete;

  int width() const { return frame_->width; }
  int height() const { return frame_->height; }
  Colour at(int x, int y) const {
    const int luma = frame_->data[0][y * frame_->linesize[0] + x];
    const int cb = frame_->data[1][y / 2 * frame_->linesize[1] + x / 2] - 128;
    const int cr = frame_->data[2][y / 2 * frame_->linesize[2] + x / 2] - 128;
    // ITU-R BT.601, in thousands.
    return {luma + 1402 * cr / 1000, luma - (344 * cb + 714 * cr) / 1000, luma + 1772 * cb / 1000};
  }

 private:
  AVFrame* frame_;
};

MATCHER_P3(IsAbout, red, green, blue, "") {
  *result_listener << arg.red << ' ' << arg.green << ' ' << arg.blue;
  return std::abs(arg.red - red) < 20 && std::abs(arg.green - green) < 20 &&
         std::abs(arg.blue - blue) < 20;
}
const auto kRed = IsAbout(220, 30, 30);
const auto kGreen = IsAbout(30, 180, 60);
const auto kBlue = IsAbout(30, 60, 220);
const auto kWhite = IsAbout(255, 255, 255);
const auto kYellow = IsAbout(255, 255, 0);

TEST(AvatarImage, IsTheMiddleSquareOfWhateverWasSent) {
  for (const char* name : {"rgba.png", "deep.png", "palette.png", "baseline.jpg", "progressive.jpg",
                           "lossless.webp", "lossy.webp"}) {
    SCOPED_TRACE(name);
    const auto avatar = make_avatar(image(name));
    ASSERT_TRUE(avatar);
    EXPECT_LT(avatar->size(), 20'000u);
    const Picture picture(*avatar);
    EXPECT_EQ(picture.width(), kAvatarSide);
    EXPECT_EQ(picture.height(), kAvatarSide);
    EXPECT_THAT(picture.at(64, 64), kRed);
    EXPECT_THAT(picture.at(192, 64), kGreen);
    EXPECT_THAT(picture.at(64, 192), kBlue);
    EXPECT_THAT(picture.at(120, 120), kRed);
    EXPECT_THAT(picture.at(136, 136), testing::Not(kRed));
  }
}

TEST(AvatarImage, WhatIsTransparentBecomesWhite) {
  for (const char* name : {"rgba.png", "deep.png", "lossless.webp", "lossy.webp"})
    EXPECT_THAT(Picture(*make_avatar(image(name))).at(192, 192), kWhite) << name;
  // Formats without transparency say what was underneath.
  EXPECT_THAT(Picture(*make_avatar(image("baseline.jpg"))).at(192, 192), kYellow);
}

TEST(AvatarImage, StandsUprightAsTheCameraSays) {
  const Picture picture(*make_avatar(image("turned.jpg")));
  EXPECT_THAT(picture.at(64, 64), kBlue);
  EXPECT_THAT(picture.at(192, 64), kRed);
  EXPECT_THAT(picture.at(192, 192), kGreen);
}

TEST(AvatarImage, ReadsPicturesWithoutColours) {
  for (const char* name : {"gray.jpg", "mono.png"}) {
    const auto avatar = make_avatar(image(name));
    ASSERT_TRUE(avatar) << name;
    const Colour c = Picture(*avatar).at(192, 64);
    EXPECT_NEAR(c.red, c.blue, 4) << name;
  }
}

TEST(AvatarImage, TheSamePictureGivesTheSameBytes) {
  EXPECT_EQ(*make_avatar(image("rgba.png")), *make_avatar(image("rgba.png")));
}

TEST(AvatarImage, KeepsNothingOfTheUploadButItsLooks) {
  EXPECT_EQ(make_avatar(image("turned.jpg"))->find("Exif"), std::string::npos);
  auto jpeg = image("baseline.jpg");
  const std::vector<uint8_t> comment = {0xFF, 0xFE, 0, 8, 's', 'e', 'c', 'r', 'e', 't'};
  jpeg.insert(jpeg.begin() + 2, comment.begin(), comment.end());
  const auto avatar = make_avatar(jpeg);
  ASSERT_TRUE(avatar);
  EXPECT_EQ(*avatar, *make_avatar(image("baseline.jpg")));
}

TEST(AvatarImage, RefusesWhatIsNoPicture) {
  std::vector<std::string> bad = {"",
                                  "x",
                                  "\x89PNG\r\n\x1A\n",
                                  "\xFF\xD8\xFF",
                                  "RIFFxxxxWEBP",
                                  "<svg xmlns='http://www.w3.org/2000/svg'/>",
                                  "GIF89a",
                                  std::string(1'000'000, '\0')};
  for (const std::string& text : bad)
    EXPECT_EQ(make_avatar(as_bytes(text)).error().code, "image_invalid") << text.substr(0, 20);
  auto padded = image("baseline.jpg");
  padded.resize(kMaxAvatarUpload);
  EXPECT_TRUE(make_avatar(padded)) << "what follows the picture does not matter";
  padded.push_back(0);
  EXPECT_FALSE(make_avatar(padded));
}

// IHDR of a PNG: width and height behind signature, length and type.
std::vector<uint8_t> png_of_size(uint32_t width, uint32_t height) {
  auto png = image("rgba.png");
  store_u32(&png[16], width);
  store_u32(&png[20], height);
  return png;
}

TEST(AvatarImage, RefusesTooManyPixelsWithoutMakingRoomForThem) {
  for (const auto& [width, height] : {std::pair{4097u, 4096u},
                                      {65'535u, 65'535u},
                                      {0x7FFFFFFFu, 1u},
                                      {1u, 0x7FFFFFFFu},
                                      {0u, 64u},
                                      {0xFFFFFFFFu, 0xFFFFFFFFu}})
    EXPECT_FALSE(make_avatar(png_of_size(width, height))) << width << " x " << height;
}

TEST(AvatarImage, RefusesStrips) { EXPECT_FALSE(make_avatar(png_of_size(64, 1))); }

TEST(ImageUpload, KnowsFormatsByTheirContent) {
  EXPECT_EQ(image_format(image("rgba.png")), ImageFormat::kPng);
  EXPECT_EQ(image_format(image("gray.jpg")), ImageFormat::kJpeg);
  EXPECT_EQ(image_format(image("lossy.webp")), ImageFormat::kWebp);
  EXPECT_EQ(image_format(as_bytes("RIFF")), std::nullopt);
  EXPECT_EQ(image_format(as_bytes("RIFF\x10\0\0\0WAVE")), std::nullopt);
}

TEST(ImageUpload, KeepsOfAPngWhatMakesThePicture) {
  const auto png = image("rgba.png");
  const auto essential = essential_png(png);
  auto decorated = png;
  const std::vector<uint8_t> text = {0, 0, 0, 3, 'z', 'T', 'X', 't', 1, 2, 3, 0, 0, 0, 0};
  decorated.insert(decorated.begin() + 33, text.begin(), text.end());
  EXPECT_EQ(essential_png(decorated), essential);
  EXPECT_TRUE(make_avatar(decorated));
  EXPECT_EQ(as_text(essential).find("pHYs"), std::string_view::npos);
  // A length that runs past the end ends it.
  decorated.resize(40);
  EXPECT_EQ(essential_png(decorated).size(), 33u);
  EXPECT_TRUE(essential_png({}).empty());
}

TEST(ImageUpload, CountsTheScansOfAJpeg) {
  EXPECT_EQ(count_jpeg_scans(image("baseline.jpg")), 1u);
  const auto progressive = image("progressive.jpg");
  EXPECT_THAT(count_jpeg_scans(progressive), AllOf(Ge(8u), Le(kMaxJpegScans)));
  // The last scan again and again, in front of the end of the image.
  auto many = progressive;
  const auto end = static_cast<long>(many.size()) - 2;
  const auto last = static_cast<long>(as_text(many).rfind("\xFF\xDA"));
  const std::vector<uint8_t> scan(many.begin() + last, many.begin() + end);
  while (count_jpeg_scans(many) <= kMaxJpegScans)
    many.insert(many.begin() + end, scan.begin(), scan.end());
  EXPECT_FALSE(make_avatar(many));
}

}  // namespace
}  // namespace loopcast::app
