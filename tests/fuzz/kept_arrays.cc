// For targets that make a publisher in each run: its caches are 2 MB, and to get them from the
// system, to give them back and to mark them in AddressSanitizer's shadow took most of the time.
// Large arrays are kept for the next run; what is beyond their ends is guarded all the same.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

constexpr size_t kLargeArray = 64 * 1024;

struct KeptArray {
  void* start = nullptr;
  size_t size = 0;
  bool used = false;
};
constinit std::array<KeptArray, 16> kept_arrays;

KeptArray* find_kept(auto&& fits) {
  const auto it = std::ranges::find_if(kept_arrays, fits);
  return it == kept_arrays.end() ? nullptr : &*it;
}

}  // namespace

void* operator new[](size_t size) {
  const bool large = size >= kLargeArray;
  KeptArray* kept =
      large ? find_kept([&](const KeptArray& a) { return !a.used && a.size == size; }) : nullptr;
  if (!kept) {
    void* start = std::malloc(size);
    if (!start) throw std::bad_alloc();
    kept = large ? find_kept([](const KeptArray& a) { return !a.start; }) : nullptr;
    if (!kept) return start;
    *kept = {start, size};
  }
  kept->used = true;
  return kept->start;
}

void operator delete[](void* start) noexcept {
  KeptArray* kept =
      start ? find_kept([&](const KeptArray& a) { return a.start == start; }) : nullptr;
  if (!kept) return std::free(start);
  if (!kept->used) std::abort();  // given back twice
  kept->used = false;
}

void operator delete[](void* start, size_t) noexcept { operator delete[](start); }
