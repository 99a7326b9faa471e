// Connectivity checks as a browser, or somebody in its name, sends them.
#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "sim/browser.h"
#include "wire/stun.h"

namespace loopcast::sim {

inline std::vector<uint8_t> make_check(Random& random, const std::string& username,
                                       const std::string& password, bool nominates) {
  std::vector<uint8_t> out(500);
  wire::TransactionId transaction;
  random.fill(transaction);
  wire::StunWriter writer(out, wire::StunClass::kRequest, wire::kStunBinding, transaction);
  writer.username(username);
  writer.priority(1);
  writer.ice_controlling(5);
  if (nominates) writer.use_candidate();
  out.resize(writer.finish(password));
  return out;
}

// As `browser` itself would send it.
inline std::vector<uint8_t> make_own_check(Random& random, const Browser& browser, bool nominates) {
  const rtc::IceCredentials& server = browser.agreed().ice;
  return make_check(random, server.ufrag + ":" + browser.ice().local().ufrag, server.password,
                    nominates);
}

}  // namespace loopcast::sim
