#include "server/sprites.h"

#include <filesystem>
#include <fstream>

#include "http/message.h"

namespace loopcast::server {
namespace {

// It holds six numbers.
constexpr std::streamsize kMaxBytes = 4096;

}  // namespace

std::optional<app::SpriteSheet> read_sprites(const std::string& folder, const std::string& id) {
  std::ifstream file(std::filesystem::path(folder) / (id + ".sprite.json"), std::ios::binary);
  std::string text(kMaxBytes, '\0');
  file.read(text.data(), kMaxBytes);
  text.resize(static_cast<size_t>(file.gcount()));
  const auto json = http::parse_json(text);
  const auto* object = json ? json->if_object() : nullptr;
  if (!object) return std::nullopt;
  bool complete = true;
  const auto number = [&](const char* name) {
    const auto* value = object->if_contains(name);
    boost::system::error_code error;
    const double read = value ? value->to_number<double>(error) : 0;
    if (error || !(read > 0 && read < 1e9)) complete = false;
    return read;
  };
  app::SpriteSheet sheet;
  sheet.interval = number("interval");
  sheet.columns = static_cast<uint32_t>(number("columns"));
  sheet.rows = static_cast<uint32_t>(number("rows"));
  sheet.width = static_cast<uint32_t>(number("width"));
  sheet.height = static_cast<uint32_t>(number("height"));
  sheet.count = static_cast<uint32_t>(number("count"));
  if (!complete) return std::nullopt;
  return sheet;
}

}  // namespace loopcast::server
