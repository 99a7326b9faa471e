#include "api/time_text.h"

#include <ctime>
#include <string>

#include <fmt/format.h>

namespace loopcast::api {
namespace {

constexpr int64_t kSecond = 1'000'000;

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  // Exactly so many digits, not above `largest`.
  int number(size_t digits, int smallest, int largest) {
    int value = 0;
    for (size_t i = 0; i < digits; ++i) {
      if (text_.empty() || text_[0] < '0' || text_[0] > '9') return fail();
      value = value * 10 + (text_[0] - '0');
      text_.remove_prefix(1);
    }
    return value < smallest || value > largest ? fail() : value;
  }
  bool skip(std::string_view any_of) {
    if (text_.empty() || any_of.find(text_[0]) == std::string_view::npos) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(std::string_view any_of) {
    if (!skip(any_of)) fail();
  }
  char take() {
    if (text_.empty()) return '\0';
    const char c = text_[0];
    text_.remove_prefix(1);
    return c;
  }
  // Digits behind a point, as microseconds; the rest of them counts for nothing.
  int64_t fraction() {
    int64_t us = 0;
    int64_t scale = kSecond / 10;
    bool any = false;
    while (!text_.empty() && text_[0] >= '0' && text_[0] <= '9') {
      us += (text_[0] - '0') * scale;
      scale /= 10;
      text_.remove_prefix(1);
      any = true;
    }
    if (!any) fail();
    return us;
  }
  bool done() const { return ok_ && text_.empty(); }
  bool empty() const { return text_.empty(); }

 private:
  int fail() {
    ok_ = false;
    text_ = {};
    return 0;
  }
  std::string_view text_;
  bool ok_ = true;
};

void read_date(Reader& in, std::tm& parts) {
  parts.tm_year = in.number(4, 1970, 9999) - 1900;
  in.expect("-");
  parts.tm_mon = in.number(2, 1, 12) - 1;
  in.expect("-");
  parts.tm_mday = in.number(2, 1, 31);
}

void read_clock(Reader& in, std::tm& parts) {
  parts.tm_hour = in.number(2, 0, 23);
  in.expect(":");
  parts.tm_min = in.number(2, 0, 59);
  in.expect(":");
  parts.tm_sec = in.number(2, 0, 59);
}

// The 31st of a month of 30 days is no date.
bool day_exists(const std::tm& parts) {
  std::tm copy = parts;
  copy.tm_hour = copy.tm_min = copy.tm_sec = 0;
  ::timegm(&copy);
  return copy.tm_mday == parts.tm_mday;
}

}  // namespace

std::optional<WallTime> parse_iso_time(std::string_view text) {
  Reader in(text);
  std::tm parts{};
  read_date(in, parts);
  int64_t us = 0;
  int64_t offset = 0;
  if (!in.empty()) {
    in.expect("Tt ");
    read_clock(in, parts);
    if (in.skip(".,")) us = in.fraction();
    const char zone = in.take();
    if (zone == '+' || zone == '-') {
      const int hours = in.number(2, 0, 23);
      in.skip(":");
      const int minutes = in.number(2, 0, 59);
      offset = (zone == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
    } else if (zone != 'Z' && zone != 'z') {
      return std::nullopt;
    }
  }
  if (!in.done() || !day_exists(parts)) return std::nullopt;
  return WallTime{(static_cast<int64_t>(::timegm(&parts)) - offset) * kSecond + us};
}

std::optional<WallTime> parse_local_time(std::string_view text) {
  Reader in(text);
  std::tm parts{};
  read_date(in, parts);
  in.expect(" ");
  read_clock(in, parts);
  if (!in.done() || !day_exists(parts)) return std::nullopt;
  parts.tm_isdst = -1;
  return WallTime{static_cast<int64_t>(::mktime(&parts)) * kSecond};
}

std::string local_time(WallTime time) {
  const auto seconds = static_cast<time_t>(time.us / kSecond);
  std::tm local{};
  localtime_r(&seconds, &local);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", local.tm_year + 1900, local.tm_mon + 1,
                     local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec);
}

}  // namespace loopcast::api
