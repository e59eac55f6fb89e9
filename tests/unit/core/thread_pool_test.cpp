#include "convllava/core/thread_pool.h"

#include <sys/resource.h>

#include <atomic>
#include <fstream>
#include <set>
#include <stdexcept>

#include "tests/catch.h"
#include "tests/support/process.h"

namespace convllava::core {

TEST_CASE("a pool runs what is submitted and gives back the results", "[core]") {
  ThreadPool pool(3);
  CHECK(pool.size() == 3);
  std::vector<std::future<int>> results;
  for (int i = 0; i < 200; ++i) results.push_back(pool.submit([i] { return i * i; }));
  for (int i = 0; i < 200; ++i) CHECK(results[i].get() == i * i);
}

TEST_CASE("one thread runs tasks in order of submission", "[core]") {
  std::vector<int> order;
  ThreadPool pool(1);
  std::future<void> last;
  for (int i = 0; i < 50; ++i) last = pool.submit([&order, i] { order.push_back(i); });
  last.get();
  for (int i = 0; i < 50; ++i) CHECK(order[i] == i);
}

TEST_CASE("a pool takes functions that can only be moved", "[core]") {
  ThreadPool pool(1);
  auto owned = std::make_unique<int>(7);
  CHECK(pool.submit([owned = std::move(owned)] { return *owned; }).get() == 7);
}

TEST_CASE("a future rethrows its task's exception, and the pool continues", "[core]") {
  ThreadPool pool(1);
  auto failed = pool.submit([]() -> int { throw std::runtime_error("broken image"); });
  CHECK_THROWS_WITH(failed.get(), "broken image");
  CHECK(pool.submit([] { return 1; }).get() == 1);
}

TEST_CASE("destruction waits for what runs and drops what has not started", "[core]") {
  std::promise<void> started;
  std::promise<void> release;
  std::atomic<bool> finished = false;
  std::atomic<int> later = 0;
  std::future<void> running;
  std::vector<std::future<void>> waiting;
  std::thread releaser;
  {
    ThreadPool pool(1);
    running = pool.submit([&, released = release.get_future()] {
      started.set_value();
      released.wait();
      finished = true;
    });
    started.get_future().wait();
    for (int i = 0; i < 10; ++i) waiting.push_back(pool.submit([&] { ++later; }));
    // A dropped task breaks its promise before the pool waits for the running one.
    releaser = std::thread([&] {
      waiting.back().wait();
      release.set_value();
    });
  }
  releaser.join();
  CHECK(finished);
  CHECK_NOTHROW(running.get());
  CHECK(later == 0);
  for (auto& future : waiting) CHECK_THROWS_AS(future.get(), std::future_error);
}

#if !defined(__SANITIZE_ADDRESS__)  // which cannot live in little address space
TEST_CASE("a pool that gets no more threads throws", "[core]") {
  const int status = testing::in_child([] {
    int64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlim_t limit = static_cast<rlim_t>(pages * sysconf(_SC_PAGESIZE)) + (256 << 20);
    const rlimit space{limit, limit};
    setrlimit(RLIMIT_AS, &space);
    try {
      ThreadPool pool(10000);
      return 1;
    } catch (const std::exception&) {
      return 0;
    }
  });
  CHECK(status == 0);
}
#endif

}  // namespace convllava::core
