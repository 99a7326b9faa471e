// How a browser and the server under test come to know each other.
#pragma once

#include <memory>
#include <string>

#include "base/expected.h"
#include "sim/browser.h"

namespace loopcast::load {

// One for each signalling thread; blocking.
class Signalling {
 public:
  virtual ~Signalling() = default;

  // Offers what `browser` sends and hands it the answer. Once, before anybody watches.
  virtual Status publish(sim::Browser& browser) = 0;
  // Lets `browser` receive it. Answers what leave() needs.
  virtual Expected<std::string> watch(sim::Browser& browser) = 0;
  virtual Status leave(const std::string& session) = 0;
};

// A server, as all signalling threads share it.
class Server {
 public:
  virtual ~Server() = default;
  // Whatever is needed before the first publisher: accounts, rooms.
  virtual Status prepare() = 0;
  // From any thread, after prepare(). This outlives it.
  virtual std::unique_ptr<Signalling> connect() = 0;
  // The publisher's DTLS role must be fixed in its offer.
  virtual bool publisher_active() const { return false; }
};

}  // namespace loopcast::load
