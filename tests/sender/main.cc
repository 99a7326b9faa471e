// Sends a picture and sound to a server, whoever does the signalling: prints an offer and an empty
// line, reads the answer up to an empty line, and sends until its input ends.
#include <array>
#include <iostream>
#include <string>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/clock.h"
#include "net/fd.h"
#include "net/sockaddr.h"
#include "sim/browser.h"

using namespace loopcast;

namespace {

std::string read_answer() {
  std::string answer;
  for (std::string line; std::getline(std::cin, line) && line != "\r" && !line.empty();)
    answer += line + "\n";
  return answer;
}

void receive(sim::Browser& browser, int fd) {
  std::array<uint8_t, 2048> buffer;
  net::Sockaddr name{};
  for (;;) {
    socklen_t length = sizeof name;
    const ssize_t size = ::recvfrom(fd, buffer.data(), buffer.size(), 0, &name.any, &length);
    if (size <= 0) return;
    browser.handle_datagram(net::now(), net::from_sockaddr(name),
                            MutableBytes(buffer).first(static_cast<size_t>(size)));
  }
}

void send(sim::Browser& browser, int fd) {
  for (sim::Datagram out; browser.poll_transmit(out);) {
    net::Sockaddr name{};
    const socklen_t length = net::to_sockaddr(out.to, name);
    ::sendto(fd, out.bytes.data(), out.bytes.size(), 0, &name.any, length);
  }
}

}  // namespace

int main() {
  const auto identity = rtc::DtlsIdentity::generate();
  const auto crypto = rtc::SrtpCrypto::make_best();
  sim::BrowserOptions options;
  options.session.send = true;
  sim::Browser browser({identity, *crypto}, options,
                       Random::from_number(static_cast<uint64_t>(::getpid())).fork());
  std::cout << browser.offer() << std::endl;
  if (!browser.set_answer(net::now(), read_answer())) {
    std::cerr << "media-sender: the answer cannot be used\n";
    return 1;
  }
  const net::Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
  for (;;) {
    const Duration wait = std::max(Duration(), browser.next_timeout() - net::now());
    std::array<pollfd, 2> ready{{{socket.get(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}}};
    ::poll(ready.data(), ready.size(), static_cast<int>(std::min<int64_t>(wait.ms() + 1, 1000)));
    if (ready[1].revents != 0) return 0;
    receive(browser, socket.get());
    if (browser.next_timeout() <= net::now()) browser.handle_timeout(net::now());
    send(browser, socket.get());
  }
}
