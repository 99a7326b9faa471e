// Where an address is, by a MaxMind database file that the operator gives.
#pragma once

#include <memory>
#include <string>

#include "base/address.h"
#include "base/expected.h"

namespace loopcast::server {

class GeoIp {
 public:
  // Knows nothing.
  GeoIp();
  // Errors: geoip (not there, or not such a database), for the operator.
  static Expected<GeoIp> open(const std::string& path);
  ~GeoIp();
  GeoIp(GeoIp&&) noexcept;
  GeoIp& operator=(GeoIp&&) noexcept;

  // "Berlin, Germany", or what the file knows of it, in English (Chinese if that is all there is).
  // app::kUnknownPlace for private addresses and those that it does not know.
  std::string locate(const IpAddress& address) const;

 private:
  struct Database;
  std::unique_ptr<Database> database_;
};

}  // namespace loopcast::server
