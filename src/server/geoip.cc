#include "server/geoip.h"

#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "app/recording_store.h"

namespace loopcast::server {
namespace {

// Longer than any name of a place.
constexpr size_t kMaxNameBytes = 128;

sockaddr_storage to_sockaddr(const IpAddress& address) {
  sockaddr_storage storage{};
  if (address.is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_addr, address.octets.data(), 4);
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    std::memcpy(&v6.sin6_addr, address.octets.data(), 16);
  }
  return storage;
}

// The name of its city or country; empty if there is none.
std::string name_of(MMDB_entry_s& entry, const char* what) {
  for (const char* language : {"en", "zh-CN"}) {
    MMDB_entry_data_s data{};
    const int rc = MMDB_get_value(&entry, &data, what, "names", language, nullptr);
    if (rc == MMDB_SUCCESS && data.has_data && data.type == MMDB_DATA_TYPE_UTF8_STRING &&
        data.data_size > 0 && data.data_size <= kMaxNameBytes)
      return std::string(data.utf8_string, data.data_size);
  }
  return {};
}

}  // namespace

struct GeoIp::Database {
  MMDB_s mmdb{};
  bool open = false;
  ~Database() {
    if (open) MMDB_close(&mmdb);
  }
};

GeoIp::GeoIp() = default;
GeoIp::~GeoIp() = default;
GeoIp::GeoIp(GeoIp&&) noexcept = default;
GeoIp& GeoIp::operator=(GeoIp&&) noexcept = default;

Expected<GeoIp> GeoIp::open(const std::string& path) {
  GeoIp geoip;
  geoip.database_ = std::make_unique<Database>();
  const int rc = MMDB_open(path.c_str(), MMDB_MODE_MMAP, &geoip.database_->mmdb);
  if (rc != MMDB_SUCCESS)
    return Error{"geoip", fmt::format("--geoip {}: {}.", path, MMDB_strerror(rc))};
  geoip.database_->open = true;
  return geoip;
}

std::string GeoIp::locate(const IpAddress& address) const {
  const std::string unknown(app::kUnknownPlace);
  if (!database_ || address.is_private() || address.is_unspecified() ||
      address.family == IpAddress::Family::kNone)
    return unknown;
  const sockaddr_storage where = to_sockaddr(address);
  int error = MMDB_SUCCESS;
  MMDB_lookup_result_s found =
      MMDB_lookup_sockaddr(&database_->mmdb, reinterpret_cast<const sockaddr*>(&where), &error);
  if (error != MMDB_SUCCESS || !found.found_entry) return unknown;
  const std::string city = name_of(found.entry, "city");
  const std::string country = name_of(found.entry, "country");
  if (city.empty() && country.empty()) return unknown;
  if (city.empty() || country.empty()) return city + country;
  return city + ", " + country;
}

}  // namespace loopcast::server
