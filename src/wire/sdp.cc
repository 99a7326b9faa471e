#include "wire/sdp.h"

#include "wire/sdp_attributes.h"
#include "wire/text.h"

namespace loopcast::wire {
namespace {

constexpr size_t kMaxFormats = 128;         // there are no more payload types
constexpr size_t kMaxFormat = 64;           // "webrtc-datachannel"
constexpr size_t kMaxMediaOrProtocol = 64;  // "UDP/TLS/RTP/SAVPF"
constexpr size_t kMaxOriginField = 256;     // user and host names

Error error_at(size_t line, std::string_view what) {
  return {"bad_sdp", "Line " + std::to_string(line) + ": " + std::string(what) + "."};
}

bool is_protocol(std::string_view text) {
  if (text.size() > kMaxMediaOrProtocol || text.empty()) return false;
  while (!text.empty())
    if (!is_token(take_until(text, '/'), kMaxMediaOrProtocol)) return false;
  return true;
}

bool has_control_characters(std::string_view text) {
  for (const char c : text)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return true;
  return false;
}

class Parser {
 public:
  Expected<SessionDescription> parse(std::string_view text, bool fragment);

 private:
  // These return what is wrong with the line, or nullptr.
  const char* read_line(char type, std::string_view value);
  const char* read_origin(std::string_view value);
  const char* read_media(std::string_view value);
  const char* read_attribute(std::string_view value);

  SessionDescription session_;
  bool has_version_ = false;
  bool has_origin_ = false;
  size_t attributes_ = 0;  // of the current section
};

const char* Parser::read_origin(std::string_view value) {
  Origin& origin = session_.origin;
  origin.username = take_word(value);
  const auto id = parse_decimal<uint64_t>(take_word(value));
  const auto version = parse_decimal<uint64_t>(take_word(value));
  const std::string_view net_type = take_word(value);
  const std::string_view address_type = take_word(value);
  origin.address = take_word(value);
  if (origin.username.empty() || origin.username.size() > kMaxOriginField || !id || !version ||
      net_type != "IN" || (address_type != "IP4" && address_type != "IP6") ||
      origin.address.empty() || origin.address.size() > kMaxOriginField)
    return "the origin is malformed";
  origin.session_id = *id;
  origin.session_version = *version;
  has_origin_ = true;
  return nullptr;
}

const char* Parser::read_media(std::string_view value) {
  if (session_.media.size() == kMaxSdpMediaSections) return "there are too many media sections";
  MediaDescription media;
  media.media = take_word(value);
  std::string_view port_and_count = take_word(value);
  const auto port = parse_decimal<uint16_t>(take_until(port_and_count, '/'));
  media.protocol = take_word(value);
  if (!is_token(media.media, kMaxMediaOrProtocol) || !port || !is_protocol(media.protocol))
    return "the media section is malformed";
  media.port = *port;
  for (std::string_view format = take_word(value); !format.empty(); format = take_word(value)) {
    if (!is_token(format, kMaxFormat)) return "a format of the media section is malformed";
    if (media.formats.size() == kMaxFormats) return "the media section has too many formats";
    media.formats.emplace_back(format);
  }
  if (media.formats.empty()) return "the media section has no format";
  session_.media.push_back(std::move(media));
  attributes_ = 0;
  return nullptr;
}

const char* Parser::read_attribute(std::string_view value) {
  const std::string_view name = take_until(value, ':');
  if (name != "candidate" && ++attributes_ > kMaxSdpAttributes)
    return "the section has too many attributes";
  if (session_.media.empty()) return read_session_attribute(name, value, session_);
  MediaDescription& media = session_.media.back();
  const char* wrong = read_media_attribute(name, value, media);
  if (wrong == nullptr && name == "mid") {
    for (const MediaDescription& other : session_.media)
      if (&other != &media && other.mid == media.mid) return "another section has the same mid";
  }
  return wrong;
}

const char* Parser::read_line(char type, std::string_view value) {
  if (!has_version_) {
    has_version_ = true;
    return type == 'v' && value == "0" ? nullptr : "this is no session description of version 0";
  }
  switch (type) {
    case 'o':
      return has_origin_ ? "there is a second origin" : read_origin(value);
    case 'm':
      return has_origin_ ? read_media(value) : "the media section comes before the origin";
    case 'a':
      return read_attribute(value);
    case 'v':
      return "there is a second version";
    default:
      return type >= 'a' && type <= 'z' ? nullptr : "the line has no known type";
  }
}

Expected<SessionDescription> Parser::parse(std::string_view text, bool fragment) {
  if (text.size() > kMaxSdpSize)
    return Error{"offer_too_large", "The session description is longer than " +
                                        std::to_string(kMaxSdpSize) + " bytes."};
  has_version_ = has_origin_ = fragment;
  size_t number = 0;
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (has_control_characters(line)) return error_at(number, "the line has control characters");
    if (line.size() < 2 || line[1] != '=')
      return error_at(number, "the line is not of the form type=value");
    if (const char* wrong = read_line(line[0], line.substr(2))) return error_at(number, wrong);
  }
  if (!has_version_ || !has_origin_)
    return error_at(number + 1, "the session description ends before its origin");
  return std::move(session_);
}

}  // namespace

Direction direction_of(const SessionDescription& session, const MediaDescription& media) {
  if (media.direction) return *media.direction;
  return session.direction.value_or(Direction::kSendRecv);
}

Expected<SessionDescription> parse_sdp(std::string_view text) {
  return Parser().parse(text, false);
}

Expected<SessionDescription> parse_sdp_fragment(std::string_view text) {
  return Parser().parse(text, true);
}

}  // namespace loopcast::wire
