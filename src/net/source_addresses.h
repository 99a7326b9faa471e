// Which address of ours the system sends from to somebody. Naming an address with each send costs
// the kernel a twentieth of a fan-out (bench/fanout with --from), so that is done only where it is
// not known that the system would choose the same one. Naming it is always right, so that this may
// forget, or not know: nothing but speed depends on it, and no identity of a peer.
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
  // Questions within a second; a question is three system calls.
  static constexpr int kPerSecond = 1000;

  explicit SourceAddresses(IpAddress::Family family);

  // Family kNone if it is not known: there is no way to `remote`, too much was asked, or the place
  // of the answer is taken by that for another address.
  IpAddress chosen_for(Instant now, const IpAddress& remote);

 private:
  struct Answer {
    IpAddress remote;
    IpAddress chosen;
    Instant until;
  };
  static constexpr size_t kAnswers = 4096;

  IpAddress ask(const IpAddress& remote) const;

  Fd socket_;
  // By hash. An answer keeps its place until it expires: two addresses of one place would otherwise
  // have each other asked for with every send.
  std::vector<Answer> answers_;
  int asked_ = 0;
  Instant second_ends_;
};

}  // namespace loopcast::net
