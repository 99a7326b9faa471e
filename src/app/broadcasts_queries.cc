// What others want to know of broadcasts: nothing in here changes any.
#include <algorithm>

#include "app/broadcasts.h"
#include "app/messages.h"

namespace loopcast::app {

std::string Broadcasts::lost_program(const std::string& user_id) const {
  const Broadcast* last = nullptr;
  broadcasts_.for_each([&](SlabId, const Broadcast& broadcast) {
    if (!broadcast.whip || !broadcast.silent_since || broadcast.user.id != user_id) return;
    if (last == nullptr || *broadcast.silent_since > *last->silent_since) last = &broadcast;
  });
  return last == nullptr ? std::string() : last->id;
}

bool Broadcasts::silence_unknown(const std::string& user_id) const {
  bool any = false, silent = false;
  broadcasts_.for_each([&](SlabId, const Broadcast& broadcast) {
    if (!broadcast.whip || broadcast.user.id != user_id) return;
    any = true;
    silent = silent || broadcast.silent_since;
  });
  return any && !silent;
}

Expected<BroadcastInfo> Broadcasts::find(const std::string& broadcast_id) const {
  const Broadcast* broadcast = broadcasts_.find(find_answered(broadcast_id));
  if (broadcast == nullptr) return make_error(Code::kNotFound);
  return describe(*broadcast);
}

bool Broadcasts::may_watch(const std::string& broadcast_id, const std::string& user_id) const {
  const Broadcast* broadcast = broadcasts_.find(find_answered(broadcast_id));
  return broadcast != nullptr && may_watch(*broadcast, user_id);
}

BroadcastPage Broadcasts::list(size_t page, size_t size) const {
  BroadcastPage result;
  result.total = listed_.size();
  if (size == 0 || page > listed_.size() / size) return result;
  const size_t first = page * size;
  const size_t last = first + std::min(size, listed_.size() - first);
  for (size_t i = first; i < last; ++i)
    result.broadcasts.push_back(describe(*broadcasts_.find(listed_[listed_.size() - 1 - i])));
  return result;
}

bool Broadcasts::empty() const {
  return broadcasts_.size() == 0 && broadcasts_by_id_.empty() && listed_.empty() &&
         clients_.empty() && clients_by_media_.empty() && usage_.empty() && on_air_ == 0 &&
         entered_ == 0 && away_ == 0;
}

SlabId Broadcasts::find_any(const std::string& broadcast_id) const {
  const auto found = broadcasts_by_id_.find(broadcast_id);
  return found == broadcasts_by_id_.end() ? SlabId{} : found->second;
}

SlabId Broadcasts::find_answered(const std::string& broadcast_id) const {
  const SlabId key = find_any(broadcast_id);
  const Broadcast* broadcast = broadcasts_.find(key);
  return broadcast != nullptr && broadcast->answered ? key : SlabId{};
}

bool Broadcasts::may_watch(const Broadcast& broadcast, const std::string& user_id) {
  if (!broadcast.visible_to || broadcast.user.id == user_id) return true;
  const auto& named = *broadcast.visible_to;
  return std::find(named.begin(), named.end(), user_id) != named.end();
}

BroadcastInfo Broadcasts::describe(const Broadcast& broadcast) const {
  return {broadcast.id,      broadcast.user,   broadcast.started_at,
          broadcast.entered, broadcast.record, !broadcast.visible_to.has_value()};
}

std::vector<PublicUser> Broadcasts::watching(const Broadcast& broadcast) const {
  const auto& circle = broadcast.circle;
  std::vector<PublicUser> users;
  for (size_t i = circle.size() - std::min(circle.size(), kMaxNamed); i < circle.size(); ++i)
    users.push_back(clients_.find(circle[i])->second.user);
  return users;
}

}  // namespace loopcast::app
