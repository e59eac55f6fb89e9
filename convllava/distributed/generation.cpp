#include "convllava/distributed/generation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <charconv>
#include <random>

#include "convllava/core/error.h"
#include "convllava/distributed/store_text.h"

namespace convllava::distributed {
namespace {

constexpr const char* kGeneration = "generation";
constexpr const char* kGenerations = "generations";  ///< how many there were

std::string hello_key(int rank) { return fmt::format("hello/{}", rank); }
std::string accepted_key(int64_t id, int rank) { return fmt::format("accepted/{}/{}", id, rank); }
std::string formed_key(int64_t id) { return fmt::format("formed/{}", id); }

/// "<number of the process>/<world size>"
std::string make_hello(int world_size) {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:x}/{}", random(), random(), ::getpid(), world_size);
}

std::string_view world_size_in(std::string_view hello) { return hello.substr(hello.find('/') + 1); }

/// The part of rank `rank` in "<id> <hello>,<hello>,...".
std::string_view hello_in(std::string_view generation, int rank) {
  generation.remove_prefix(generation.find(' ') + 1);
  for (int i = 0; i < rank; ++i) {
    const size_t comma = generation.find(',');
    if (comma == generation.npos) return {};
    generation.remove_prefix(comma + 1);
  }
  return generation.substr(0, generation.find(','));
}

}  // namespace

Generation::Generation(StorePtr store, const LaunchEnvironment& environment)
    : store_(std::move(store)), environment_(environment), hello_(make_hello(environment.world_size)) {
  store_->set(hello_key(environment_.rank), bytes_of(hello_));
}

bool Generation::look() {
  if (read(hello_key(environment_.rank)) != hello_) {
    throw DistributedError(fmt::format("rank {} of {}", environment_.rank, environment_.world_size),
                           "another process of this rank has joined the run", "run " + environment_.run_id,
                           "one process for each rank, and a MASTER_PORT that no other run uses");
  }
  if (environment_.rank == 0) lead();
  follow();
  return formed_;
}

void Generation::lead() {
  missing_.clear();
  std::vector<std::string> hellos;
  for (int rank = 0; rank < environment_.world_size; ++rank) {
    const auto hello = hello_of(rank);
    if (hello) {
      hellos.push_back(*hello);
    } else {
      missing_.push_back(rank);
    }
  }
  if (!missing_.empty()) return;
  if (const auto all = fmt::format("{}", fmt::join(hellos, ",")); all != published_) {
    published_ = all;
    published_id_ = store_->add(kGenerations, 1);
    store_->set(kGeneration, bytes_of(fmt::format("{} {}", published_id_, all)));
  }
  for (int rank = 1; rank < environment_.world_size; ++rank) {
    if (!store_->check({accepted_key(published_id_, rank)})) missing_.push_back(rank);
  }
  if (missing_.empty()) store_->set(formed_key(published_id_), bytes_of("1"));
}

void Generation::follow() {
  const int rank = environment_.rank;
  const auto generation = read(kGeneration);
  const bool included = generation && hello_in(*generation, rank) == hello_;
  if (included) {
    int64_t id = 0;
    std::from_chars(generation->data(), generation->data() + generation->size(), id);
    if (id != accepted_) store_->set(accepted_key(id, rank), bytes_of("1"));
    accepted_ = id;
    formed_ = store_->check({formed_key(id)});
  }
  if (rank == 0 || formed_) return;
  missing_.clear();
  for (int other = 0; other < environment_.world_size; ++other) {
    if (!hello_of(other)) missing_.push_back(other);
  }
  // All said hello, but one of these may be of a process that is gone.
  if (missing_.empty() && !included) missing_ = {0};
}

std::string Generation::other_world_sizes() const {
  std::vector<std::string> ranks;
  for (const int rank : missing_) {
    const auto hello = read(hello_key(rank));
    if (hello && !hello_of(rank))
      ranks.push_back(fmt::format("rank {} with WORLD_SIZE={}", rank, world_size_in(*hello)));
  }
  return fmt::format("{}", fmt::join(ranks, ", "));
}

std::optional<std::string> Generation::read(const std::string& key) const {
  if (!store_->check({key})) return std::nullopt;
  return text_of(store_->get(key));
}

/// Nothing where the rank has not said hello, or with another world size.
std::optional<std::string> Generation::hello_of(int rank) const {
  auto hello = read(hello_key(rank));
  if (hello && world_size_in(*hello) != std::to_string(environment_.world_size)) return std::nullopt;
  return hello;
}

}  // namespace convllava::distributed
