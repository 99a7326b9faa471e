// What the recorder writes beside the picture of a recording's sprites.
#pragma once

#include <optional>
#include <string>

#include "app/recording_store.h"

namespace loopcast::server {

// "<id>.sprite.json" of that folder; nullopt if it is not there or makes no sense.
std::optional<app::SpriteSheet> read_sprites(const std::string& folder, const std::string& id);

}  // namespace loopcast::server
