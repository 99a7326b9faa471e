// Which address of ours the system sends from to somebody. Naming an address with each send costs
// the kernel a twentieth of a fan-out (bench/fanout with --from), so that is done only where the
// system would choose another one.
#pragma once

#include <vector>

#include "base/address.h"
#include "base/time.h"
#include "net/fd.h"

namespace loopcast::net {

// Asks the routing table, and remembers the answers for a while. One family, one thread.
class SourceAddresses {
 public:
  // Routes change: an answer is asked for again after so long.
  static constexpr Duration kKept = Duration::seconds(10);
  // Questions within a second; a question is three system calls, and anybody can make us ask.
  static constexpr int kPerSecond = 1000;

  explicit SourceAddresses(IpAddress::Family family);

  // Family kNone if there is no way to `remote`, or too much was asked.
  IpAddress chosen_for(Instant now, const IpAddress& remote);

 private:
  struct Answer {
    IpAddress remote;
    IpAddress chosen;
    Instant until;
  };
  static constexpr size_t kAnswers = 1024;

  IpAddress ask(const IpAddress& remote) const;

  Fd socket_;
  std::vector<Answer> answers_;  // by hash; a newer one takes the place of an older one
  int asked_ = 0;
  Instant second_ends_;
};

}  // namespace loopcast::net
