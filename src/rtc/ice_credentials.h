// The user name fragment and password of one side of an ICE session (RFC 8839, section 5.4).
#pragma once

#include <string>

namespace loopcast::rtc {

struct IceCredentials {
  std::string ufrag;     // 4 to 256 ice-chars
  std::string password;  // 22 to 256 ice-chars
  bool operator==(const IceCredentials&) const = default;
};

}  // namespace loopcast::rtc
