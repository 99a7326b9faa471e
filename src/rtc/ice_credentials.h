// The user name fragment and password of one side of an ICE session (RFC 8839, section 5.4).
#pragma once

#include <cstddef>
#include <string>

namespace loopcast::rtc {

inline constexpr size_t kMinIceUfrag = 4;
inline constexpr size_t kMinIcePassword = 22;

struct IceCredentials {
  std::string ufrag;     // 4 to 256 ice-chars
  std::string password;  // 22 to 256 ice-chars

  bool long_enough() const {
    return ufrag.size() >= kMinIceUfrag && password.size() >= kMinIcePassword;
  }
  bool operator==(const IceCredentials&) const = default;
};

}  // namespace loopcast::rtc
