#include "net/source_addresses.h"

#include <functional>

#include "net/sockaddr.h"

namespace loopcast::net {
namespace {

constexpr uint16_t kDiscardPort = 9;  // nothing is sent there

}  // namespace

SourceAddresses::SourceAddresses(IpAddress::Family family)
    : socket_(::socket(family == IpAddress::Family::kV6 ? AF_INET6 : AF_INET,
                       SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
      answers_(kAnswers) {}

IpAddress SourceAddresses::chosen_for(Instant now, const IpAddress& remote) {
  Answer& answer = answers_[std::hash<SocketAddress>()({remote, 0}) % kAnswers];
  if (now < answer.until) return answer.remote == remote ? answer.chosen : IpAddress{};
  if (now >= second_ends_) {
    second_ends_ = now + Duration::seconds(1);
    asked_ = 0;
  }
  if (asked_ >= kPerSecond) return {};
  ++asked_;
  answer = {remote, ask(remote), now + kKept};
  return answer.chosen;
}

IpAddress SourceAddresses::ask(const IpAddress& remote) const {
  // A connected socket keeps its address: it has to forget the last one.
  const sockaddr nobody{AF_UNSPEC, {}};
  if (::connect(socket_.get(), &nobody, sizeof nobody) != 0) return {};
  Sockaddr to;
  const socklen_t length = to_sockaddr({remote, kDiscardPort}, to);
  if (length == 0 || ::connect(socket_.get(), &to.any, length) != 0) return {};
  return bound_address(socket_.get()).ip;
}

}  // namespace loopcast::net
