// That somebody delivers what waits, as long as this lives: also if a delivery throws.
#pragma once

namespace loopcast::api {

class Pumping {
 public:
  explicit Pumping(bool& is_on) : is_on_(is_on) { is_on_ = true; }
  ~Pumping() { is_on_ = false; }
  Pumping(const Pumping&) = delete;
  Pumping& operator=(const Pumping&) = delete;

 private:
  bool& is_on_;
};

}  // namespace loopcast::api
