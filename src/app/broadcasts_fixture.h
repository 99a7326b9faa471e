// What the tests of Broadcasts share: a media core that only remembers, and users.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "app/broadcasts.h"

namespace loopcast::app {

// Remembers what each media session was asked for.
class FakeMedia final : public MediaControl {
 public:
  struct Session {
    std::string offer;
    MediaId publisher = 0;  // 0: it publishes
    std::vector<std::string> candidates;
    std::vector<std::string> restarts;
    int stops = 0;
  };

  void publish(MediaId id, std::string offer) override {
    misuse += sessions.contains(id);
    sessions[id].offer = std::move(offer);
  }
  void watch(MediaId viewer, MediaId publisher, std::string offer) override {
    misuse += sessions.contains(viewer) || !running(publisher);
    sessions[viewer] = {std::move(offer), publisher, {}, {}, 0};
  }
  void add_candidate(MediaId id, std::string line) override {
    misuse += !running(id);
    sessions[id].candidates.push_back(std::move(line));
  }
  void restart_ice(MediaId id, std::string fragment) override {
    misuse += !running(id);
    sessions[id].restarts.push_back(std::move(fragment));
  }
  void stop(MediaId id) override {
    misuse += !running(id);
    ++sessions[id].stops;
  }

  bool running(MediaId id) const {
    const auto found = sessions.find(id);
    return found != sessions.end() && found->second.stops == 0;
  }
  MediaId last() const { return sessions.rbegin()->first; }

  std::map<MediaId, Session> sessions;
  int misuse = 0;  // calls that the contract of MediaControl rules out
};

inline PublicUser test_user(const std::string& name) {
  return public_user({"id-" + name, name, WallTime{}});
}

}  // namespace loopcast::app
