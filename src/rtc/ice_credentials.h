// The user name fragment and password of one side of an ICE session (RFC 8839, section 5.4).
#pragma once

#include <string>

namespace loopcast::rtc {

struct IceCredentials {
  std::string ufrag, password;
};

}  // namespace loopcast::rtc
