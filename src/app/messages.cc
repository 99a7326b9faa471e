#include "app/messages.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace loopcast::app {
namespace {

struct Entry {
  Code code;
  std::string_view name;
  std::string_view chinese;
  std::string_view english;
};

constexpr size_t kCodes = static_cast<size_t>(Code::kCount);

constexpr std::array<Entry, kCodes> kTable = {{
    {Code::kNicknameTaken, "nickname_taken", "这个昵称已被使用，请换一个。",
     "This nickname is taken. Please choose another one."},
    {Code::kNicknameInvalid, "nickname_invalid",
     "昵称须含有可见的字符，且不能含有控制字符或不可见字符，请修改。",
     "A nickname needs something that can be seen, and must not contain control or invisible "
     "characters. Please change it."},
    {Code::kNicknameTooLong, "nickname_too_long", "昵称最多 32 个字符，请缩短。",
     "A nickname has at most 32 characters. Please shorten it."},
    {Code::kPasswordTooShort, "password_too_short", "密码至少需要 8 个字符，请换一个更长的。",
     "A password needs at least 8 characters. Please choose a longer one."},
    {Code::kPasswordTooLong, "password_too_long", "密码最多 128 个字符，请缩短。",
     "A password has at most 128 characters. Please shorten it."},
    {Code::kBadCredentials, "bad_credentials", "昵称或密码不正确，请检查后重试。",
     "The nickname or the password is wrong. Please check both and try again."},
    {Code::kUnauthorized, "unauthorized", "您尚未登录或登录已过期，请重新登录。",
     "You are not signed in, or your session has ended. Please sign in again."},
    {Code::kRateLimited, "rate_limited", "操作过于频繁，请稍等片刻再试。",
     "That was too often. Please wait a moment and try again."},

    {Code::kAlreadyPresenting, "already_presenting", "此页面正在直播，请先停止当前直播。",
     "This page is already live. Stop that broadcast first."},
    {Code::kAlreadyWatching, "already_watching", "此页面正在观看直播，请先停止观看。",
     "This page is already watching a broadcast. Stop watching first."},
    {Code::kNotActive, "not_active", "当前没有正在进行的直播或观看，请重新开始。",
     "Nothing is being presented or watched here. Please start again."},
    {Code::kTooManyBroadcasts, "too_many_broadcasts",
     "您同时进行的直播已达上限，请先停止其中一个。",
     "You have as many broadcasts on air as one user may have. Stop one of them first."},
    {Code::kTooManyStreams, "too_many_streams",
     "您的账号打开的直播和观看页面过多，请关闭一些后重试。",
     "Too many pages of your account are live or watching. Close some and try again."},
    {Code::kBroadcastFull, "broadcast_full", "观看人数已满，请稍后再试。",
     "This broadcast has as many viewers as it may have. Please try again later."},
    {Code::kServerFull, "server_full", "服务器已满，请稍后再试。",
     "The server is full. Please try again later."},
    {Code::kServerStopping, "server_stopping", "服务器正在重启，请稍后再试。",
     "The server is restarting. Please try again in a moment."},
    {Code::kPublisherGone, "publisher_gone", "直播已结束，请返回列表选择其他直播。",
     "The broadcast is over. Please choose another one from the list."},
    {Code::kMediaLost, "media_lost", "与服务器的音视频连接已断开，请检查网络后重新开始。",
     "The media connection to the server was lost. Check your network and start again."},
    {Code::kReplaced, "replaced", "这场直播已在您的另一个页面或设备上继续，或已在那里结束。",
     "This broadcast went on, or was ended, on another page or device of yours."},

    {Code::kCannotBeReached, "cannot_be_reached", "现在联系不到对方，请稍后再试。",
     "This person cannot be reached now. Try again later."},

    {Code::kBadSdp, "bad_sdp", "无法理解浏览器发送的媒体描述，请更新浏览器后重试。",
     "The media description that was sent cannot be understood. Update the browser and try again."},
    {Code::kNoBundle, "no_bundle", "客户端没有把音频和视频合并传输（BUNDLE），请使用较新的浏览器。",
     "The offer does not bundle audio and video on one transport (BUNDLE). Use a recent browser."},
    {Code::kNoRtcpMux, "no_rtcp_mux", "客户端不支持 rtcp-mux，请使用较新的浏览器。",
     "The offer lacks rtcp-mux. Use a recent browser."},
    {Code::kNoFingerprint, "no_fingerprint",
     "媒体描述缺少加密证书指纹，无法安全连接，请使用较新的浏览器。",
     "The offer has no certificate fingerprint, so that no secure connection is possible. Use a "
     "recent browser."},
    {Code::kNoIce, "no_ice", "媒体描述缺少 ICE 信息，无法建立连接，请重新开始。",
     "The offer lacks ICE credentials, so that no connection is possible. Please start again."},
    {Code::kIceLite, "ice_lite",
     "客户端使用 ICE-lite，而服务器也是 ICE-lite，双方都在等待对方建立连接，请在客户端启用完整的 "
     "ICE。",
     "The offer is of an ICE-lite agent, and so is the server: each would wait for the other to "
     "connect. Switch the client to full ICE."},
    {Code::kNoMedia, "no_media", "没有可用的音频或视频，请允许使用摄像头或麦克风后重试。",
     "The offer has no usable audio or video. Allow the camera or the microphone and try again."},
    {Code::kNoCommonCodec, "no_common_codec",
     "您的浏览器不支持此直播的编码格式，请换用其他浏览器。",
     "This browser has no codec in common with the broadcast. Try another browser."},
    {Code::kOfferTooLarge, "offer_too_large", "媒体描述过大，请减少音视频轨道后重试。",
     "The media description is too large. Offer fewer tracks and try again."},
    {Code::kBadCandidate, "bad_candidate", "无法理解网络候选地址，请重新开始。",
     "A network candidate cannot be understood. Please start again."},

    {Code::kBadRequest, "bad_request", "请求无效，请刷新页面后重试。",
     "The request is not valid. Reload the page and try again."},
    {Code::kBadJson, "bad_json", "请求内容不是有效的 JSON，请检查后重试。",
     "The body of the request is not valid JSON. Correct it and try again."},
    {Code::kTooLarge, "too_large", "请求内容过大，请缩小后重试。",
     "The request is too large. Please send less."},
    {Code::kNotFound, "not_found", "没有找到您要的内容，它可能已被移除，请检查地址。",
     "What you asked for does not exist, or not any more. Please check the address."},
    {Code::kMethodNotAllowed, "method_not_allowed", "此地址不支持这种请求方法，请检查请求。",
     "This address does not support that method. Please check the request."},
    {Code::kUnsupportedMediaType, "unsupported_media_type",
     "不支持这种内容类型，请检查 Content-Type。",
     "This type of content is not supported. Please check the Content-Type."},
    {Code::kForbidden, "forbidden", "您没有权限执行此操作，请换用有权限的账号。",
     "You are not allowed to do this. Sign in with an account that is."},
    {Code::kConflict, "conflict", "内容已发生变化，请刷新后重试。",
     "This changed in the meantime. Reload and try again."},
    {Code::kPreconditionFailed, "precondition_failed", "会话已发生变化，请重新建立连接。",
     "The session changed in the meantime. Please connect again."},
    {Code::kTimeout, "timeout", "请求超时，请检查网络后重试。",
     "The request took too long. Check your network and try again."},

    {Code::kStoreUnavailable, "store_unavailable", "服务器暂时无法访问数据，请稍后再试。",
     "The server cannot reach its data just now. Please try again later."},
    {Code::kStoreTooNew, "store_too_new", "数据库由更新的版本创建，请升级服务器程序。",
     "The database was written by a newer version of this program. Please upgrade the server."},
    {Code::kOverloaded, "overloaded", "服务器繁忙，请稍后再试。",
     "The server is busy. Please try again in a moment."},
    {Code::kInternal, "internal", "服务器出现意外错误，请稍后再试。",
     "Something unexpected went wrong on the server. Please try again later."},

    {Code::kWrongPassword, "wrong_password", "密码不正确，请检查后重试。",
     "This password is wrong. Please check it and try again."},
    {Code::kImageInvalid, "image_invalid",
     "无法读取这张图片，请换一张不超过 1600 万像素的 PNG、JPEG 或 WebP 图片。",
     "This picture cannot be read. Please choose a PNG, JPEG or WebP of at most 16 megapixels."},
    {Code::kBadTitle, "bad_title",
     "标题须为 1 到 200 个字符，且不能含有控制字符或不可见字符，请修改。",
     "A title has 1 to 200 characters, none of them a control or invisible character. Please "
     "change "
     "it."},
    {Code::kBadComments, "bad_comments",
     "说明最多 5000 个字符，且不能含有控制字符或不可见字符，请修改。",
     "Comments have at most 5000 characters, none of them a control or invisible character. Please "
     "change them."},
    {Code::kRecordingRunning, "recording_running", "录像尚未完成，请先停止直播，稍后再试。",
     "This recording is not finished. Stop the broadcast first and try again in a moment."},
    {Code::kRecordingStorage, "recording_storage",
     "服务器无法读写录像文件，直播不受影响，请联系管理员。",
     "The server cannot read or write the files of recordings. Live broadcasts go on. Please tell "
     "the operator."},
    {Code::kRecordingOverloaded, "recording_overloaded",
     "服务器磁盘过慢，录像有部分缺失，直播不受影响。",
     "The server's disk is too slow, so that parts of the recording are missing. The broadcast "
     "itself goes on."},
    {Code::kDiskFull, "disk_full", "服务器磁盘已满，录像已停止，直播不受影响，请联系管理员。",
     "The server's disk is full, so that recording has stopped. The broadcast itself goes on. "
     "Please tell the operator."},
    {Code::kDiskLow, "disk_low",
     "服务器磁盘空间不足，录像已提前结束并保存，直播不受影响，请联系管理员。",
     "The server's disk is nearly full, so that the recording has ended here. It is kept, and the "
     "broadcast itself goes on. Please tell the operator."},
    {Code::kRecordingRate, "recording_rate",
     "发送的数据量超过录像上限，录像有部分缺失，直播不受影响。请降低发送码率。",
     "You send more than the server records, so that parts of the recording are missing. The "
     "broadcast itself goes on. Please send at a lower bitrate."},
    {Code::kBusy, "busy", "对方正在通话中，请稍后再拨。",
     "This person is in another call. Try again later."},
    {Code::kNoAnswer, "no_answer", "对方无人接听，请稍后再拨。",
     "Nobody answered. Try again later."},
    {Code::kInCall, "in_call", "您正在通话中，请先挂断当前通话。",
     "You are in a call already. Hang up first."},
    {Code::kTooManyBlocked, "too_many_blocked", "您拉黑的人已达上限，请先取消拉黑其中一些人。",
     "You have blocked as many people as one user may block. Unblock some of them first."},
    {Code::kPasswordCommon, "password_common", "这个密码太容易被猜到，请换一个更特别的。",
     "Many people use this password, so that it is easily guessed. Please choose another one."},
    {Code::kNicknameLooksTaken, "nickname_looks_taken",
     "这个昵称看起来与他人的昵称一样，请换一个。",
     "This nickname looks like somebody else's. Please choose another one."},
    {Code::kQuotaNear, "quota_near", "您的录像空间已用 90%，用完后将停止录制，请删除不需要的录像。",
     "Your recordings take 90% of the room that you have. When it is used up, recording stops. "
     "Delete "
     "recordings that you do not need."},
    {Code::kQuotaReached, "quota_reached",
     "您的录像空间已用完，录制已停止，请删除不需要的录像后再录制。",
     "Your recordings take all the room that you have, so that recording has stopped. Delete "
     "recordings that you do not need, and record again."},
}};

constexpr bool table_is_complete() {
  for (size_t i = 0; i < kTable.size(); ++i) {
    const Entry& entry = kTable[i];
    if (static_cast<size_t>(entry.code) != i || entry.name.empty() || entry.chinese.empty() ||
        entry.english.empty())
      return false;
  }
  return true;
}
static_assert(table_is_complete(), "each Code has its entry, in the order of the enum");

const Entry& entry_of(Code code) { return kTable[static_cast<size_t>(code)]; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The weight of "q=0.8" in thousands; a parameter that is malformed or absent weighs 1000.
int weight_of(std::string_view parameters) {
  const size_t at = parameters.find("q=");
  if (at == std::string_view::npos) return 1000;
  const std::string_view digits = parameters.substr(at + 2);
  if (digits.empty() || digits[0] != '0') return 1000;
  int weight = 0;
  int scale = 100;
  for (size_t i = 2; i < digits.size() && i < 5 && digits[i] >= '0' && digits[i] <= '9'; ++i) {
    weight += (digits[i] - '0') * scale;
    scale /= 10;
  }
  return weight;
}

}  // namespace

std::string_view name_of(Code code) { return entry_of(code).name; }

std::optional<Code> code_of(std::string_view name) {
  for (const Entry& entry : kTable)
    if (entry.name == name) return entry.code;
  return std::nullopt;
}

std::string_view message(Code code, Language language) {
  const Entry& entry = entry_of(code);
  return language == Language::kChinese ? entry.chinese : entry.english;
}

std::string_view message(std::string_view code, Language language) {
  return message(code_of(code).value_or(Code::kInternal), language);
}

Error make_error(Code code) {
  const Entry& entry = entry_of(code);
  return {std::string(entry.name), std::string(entry.english)};
}

Error make_error(Code code, std::string_view detail) {
  const Entry& entry = entry_of(code);
  return {std::string(entry.name), fmt::format("{} ({})", entry.english, detail)};
}

Error make_error(Code code, Duration retry_after) {
  Error error = make_error(code);
  error.retry_after = retry_after;
  return error;
}

Language choose_language(std::string_view accept_language, Language otherwise) {
  int best = 0;
  Language choice = otherwise;
  while (!accept_language.empty()) {
    const size_t comma = std::min(accept_language.find(','), accept_language.size());
    const std::string_view range = trim(accept_language.substr(0, comma));
    accept_language.remove_prefix(std::min(comma + 1, accept_language.size()));

    const size_t semicolon = std::min(range.find(';'), range.size());
    const std::string_view tag = trim(range.substr(0, semicolon));
    if (tag.size() < 2 || (tag.size() > 2 && tag[2] != '-')) continue;
    const char first = static_cast<char>(tag[0] | 0x20);
    const char second = static_cast<char>(tag[1] | 0x20);
    const bool chinese = first == 'z' && second == 'h';
    const bool english = first == 'e' && second == 'n';
    const int weight = weight_of(range.substr(semicolon));
    if ((chinese || english) && weight > best) {
      best = weight;
      choice = chinese ? Language::kChinese : Language::kEnglish;
    }
  }
  return choice;
}

}  // namespace loopcast::app
