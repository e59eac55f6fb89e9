#include "convllava/distributed/process_group.h"

#include <ATen/DeviceAccelerator.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <exception>
#include <future>
#include <mutex>
#include <thread>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>

#include "convllava/core/error.h"
#include "convllava/distributed/backends.h"
#include "convllava/distributed/heartbeat.h"
#include "convllava/distributed/liveness.h"
#include "convllava/distributed/rendezvous.h"

namespace convllava::distributed {
namespace {

using std::chrono::milliseconds;
using WorkPtr = c10::intrusive_ptr<c10d::Work>;

/// A broken connection can be noticed before the message about the rank behind it arrives.
constexpr milliseconds kNewsTimeout = std::chrono::seconds(3);
constexpr milliseconds kRetireTimeout = std::chrono::seconds(2);
/// A rank that dies while the ranks connect breaks the others' attempts before its silence shows which rank it was.
constexpr milliseconds kConnectingNewsTimeout = Heartbeat::kSilence + std::chrono::seconds(2);

void ignore_sigpipe() {
  struct sigaction current {};
  sigaction(SIGPIPE, nullptr, &current);
  if (current.sa_handler == SIG_DFL) std::signal(SIGPIPE, SIG_IGN);
}

/// The elements in memory order, so that channels-last tensors pass too.
at::Tensor flat_view(const at::Tensor& tensor) {
  TORCH_CHECK_VALUE(tensor.is_non_overlapping_and_dense(), "a collective needs a dense tensor");
  return tensor.detach().as_strided({tensor.numel()}, {1});
}

void require_equal_parts(const at::Tensor& flat, int64_t ranks) {
  TORCH_CHECK_VALUE(flat.numel() % ranks == 0, flat.numel(), " elements do not divide into ", ranks, " equal parts");
}

/// Gloo's destructor waits for collectives under way; after a failure these end only when the other ranks close their
/// ends, which they may fail to do.
void retire(BackendPtr backend) {
  const auto done = std::make_shared<std::promise<void>>();
  std::thread thread([backend = std::move(backend), done]() mutable {
    backend.reset();
    done->set_value();
  });
  if (done->get_future().wait_for(kRetireTimeout) == std::future_status::ready) {
    thread.join();
  } else {
    thread.detach();
  }
}

/// Ends the collectives of a backend that may not be there yet.
class AbortSwitch {
 public:
  void arm(const BackendPtr& backend) {
    const std::lock_guard lock(mutex_);
    backend_ = backend;
    if (thrown_) backend_->abort();
  }
  void abort() {
    const std::lock_guard lock(mutex_);
    thrown_ = true;
    if (backend_) backend_->abort();
  }

 private:
  std::mutex mutex_;
  BackendPtr backend_;
  bool thrown_ = false;
};

/// What the ranks have between them once they are connected.
struct Connections {
  BackendPtr host;
  BackendPtr data;  ///< the same as `host` for a CPU device
  std::unique_ptr<Liveness> liveness;
};

/// Liveness comes first: a rank that fails in what follows must not leave the others in it. Writes into `made` as it
/// goes.
void connect(const StorePtr& store, const LaunchEnvironment& environment, const torch::Device& device,
             const std::shared_ptr<FailureSignal>& failure, Connections& made) {
  const auto part = [&](const char* name) { return c10::make_intrusive<c10d::PrefixStore>(name, store); };
  const auto collectives = std::make_shared<AbortSwitch>();
  made.liveness = std::make_unique<Liveness>(gloo_backend(part("ring"), environment, 1),
                                             std::chrono::seconds(environment.timeouts.silence_seconds), failure,
                                             [collectives] { collectives->abort(); });
  made.host = gloo_backend(part("host"), environment, 2);
  made.data = device.is_cuda() ? nccl_backend(part("nccl"), environment, device) : made.host;
  collectives->arm(made.data);
}

/// `connect` on a separate thread, which may hang for as long as it likes when another rank is gone.
struct Attempt {
  Connections made;
  std::exception_ptr error;
  std::atomic<bool> over = false;
};

}  // namespace

class ProcessGroup::Impl {
 public:
  Impl() = default;
  Impl(LaunchEnvironment environment, const torch::Device& device);
  ~Impl() { close(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  bool alone() const { return environment.world_size == 1; }
  /// There is nothing to do: one rank, and not one that a launcher started on this tensor's GPU.
  bool idle(const at::Tensor& tensor) const { return alone() && !(tensor.is_cuda() && nccl_alone); }
  const BackendPtr& backend(const at::Tensor& tensor) const { return tensor.is_cpu() ? host : data; }
  /// This rank's part of a flat tensor.
  at::Tensor part(const at::Tensor& flat) const;
  /// Throws when the group cannot be used any more.
  void check(const char* name) const;
  /// Waits for `work`, or for the news that a rank is gone.
  void finish(const WorkPtr& work, const char* name, bool on_host);
  [[noreturn]] void fail(const char* name, const std::exception& error);
  void close();

  LaunchEnvironment environment;
  std::shared_ptr<FailureSignal> failure = std::make_shared<FailureSignal>();
  BackendPtr host;
  BackendPtr data;  ///< the same as `host` for a CPU device
  bool nccl_alone = false;
  std::unique_ptr<Liveness> liveness;
  std::unique_ptr<Heartbeat> heartbeat;
  Traffic traffic;

 private:
  void join_others(const torch::Device& device);
  [[noreturn]] void leave_connecting(const std::exception_ptr& cause, Liveness* ring);
  std::string where() const { return fmt::format("rank {} of {}", environment.rank, environment.world_size); }
};

class PendingCollective::Impl {
 public:
  Impl(std::shared_ptr<ProcessGroup::Impl> group, const char* name, at::Tensor tensor, WorkPtr work)
      : group_(std::move(group)), name_(name), tensor_(std::move(tensor)), work_(std::move(work)) {}

  void wait() {
    if (!work_) return;
    const WorkPtr work = std::move(work_);
    const at::Tensor tensor = std::move(tensor_);
    group_->finish(work, name_, tensor.is_cpu());
  }

 private:
  std::shared_ptr<ProcessGroup::Impl> group_;
  const char* name_;
  at::Tensor tensor_;  ///< alive until the collective is over
  WorkPtr work_;
};

ProcessGroup::Impl::Impl(LaunchEnvironment launch, const torch::Device& device) : environment(std::move(launch)) {
  if (!alone()) {
    join_others(device);
  } else if (environment.launched && device.is_cuda() && has_nccl()) {
    nccl_alone = true;
    data = nccl_backend(c10::make_intrusive<c10d::HashStore>(), environment, device);
  }
}

void ProcessGroup::Impl::join_others(const torch::Device& device) {
  if (device.is_cuda()) require_nccl();
  ignore_sigpipe();
  const StorePtr store = join(environment);
  heartbeat = std::make_unique<Heartbeat>(store->clone(), environment, failure);
  const auto attempt = std::make_shared<Attempt>();
  // CUDA's current device belongs to a thread.
  const torch::Device numbered =
      device.is_cuda() && !device.has_index() ? torch::Device(torch::kCUDA, at::accelerator::getDeviceIndex()) : device;
  std::thread thread([attempt, store, numbered, environment = environment, failure = failure] {
    try {
      if (numbered.is_cuda()) at::accelerator::setDeviceIndex(numbered.index());
      connect(store, environment, numbered, failure, attempt->made);
    } catch (...) {
      attempt->error = std::current_exception();
    }
    attempt->over = true;
    failure->wake();
  });
  failure->wait([&] { return attempt->over.load(); });
  if (!attempt->over) {
    thread.detach();
    leave_connecting({}, nullptr);
  }
  thread.join();
  if (attempt->error) leave_connecting(attempt->error, attempt->made.liveness.get());
  host = std::move(attempt->made.host);
  data = std::move(attempt->made.data);
  liveness = std::move(attempt->made.liveness);
  heartbeat->connected();
}

/// Because of `cause` or, without one, of the news of another rank. A leaving rank informs those that do not know the
/// cause.
void ProcessGroup::Impl::leave_connecting(const std::exception_ptr& cause, Liveness* ring) {
  std::string own;
  try {
    if (cause) std::rethrow_exception(cause);
  } catch (const std::exception& error) {
    failure->wait([] { return false; }, kConnectingNewsTimeout);
    own = error_message("", "cannot connect to the other ranks", brief(error),
                        "machines that reach each other; GLOO_SOCKET_IFNAME and NCCL_SOCKET_IFNAME choose the network "
                        "interface");
  }
  const auto news = failure->reason();
  heartbeat->leave(news.value_or(fmt::format("rank {} left: {}", environment.rank, own)));
  if (ring != nullptr) ring->leave(own);
  throw DistributedError(where(), news.value_or(own));
}

void ProcessGroup::Impl::check(const char* name) const {
  if (const auto reason = failure->reason()) throw DistributedError(where(), *reason);
  if (!data) throw DistributedError(where(), fmt::format("{} after shutdown", name));
}

void ProcessGroup::Impl::finish(const WorkPtr& work, const char* name, bool on_host) {
  try {
    if (on_host) {
      const auto future = work->getFuture();
      future->addCallback([signal = failure](c10::ivalue::Future&) { signal->wake(); });
      failure->wait([&] { return future->completed(); });
      if (!future->completed()) check(name);
    }
    work->wait();
    // An aborted NCCL collective ends without a word and leaves garbage.
    if (!on_host) check(name);
  } catch (const DistributedError&) {
    throw;
  } catch (const std::exception& error) {
    fail(name, error);
  }
}

void ProcessGroup::Impl::fail(const char* name, const std::exception& error) {
  failure->wait([] { return false; }, kNewsTimeout);
  if (liveness) liveness->leave(fmt::format("{} failed: {}", name, brief(error)));
  throw DistributedError(where(), failure->reason().value_or(brief(error)));
}

at::Tensor ProcessGroup::Impl::part(const at::Tensor& flat) const {
  const int64_t size = flat.numel() / environment.world_size;
  return flat.narrow(0, environment.rank * size, size);
}

void ProcessGroup::Impl::close() {
  heartbeat.reset();
  liveness.reset();
  data.reset();
  if (host) retire(std::move(host));
}

namespace {

struct Kind {
  const char* name;
  /// What one of `world` ranks sends for a tensor of `bytes`.
  double (*sent)(double bytes, double world);
};

double sent_of_parts(double bytes, double world) { return bytes * (world - 1) / world; }
double sent_of_sum(double bytes, double world) { return 2 * sent_of_parts(bytes, world); }
double sent_of_broadcast(double bytes, double) { return bytes; }

constexpr Kind kAllReduce{"all_reduce", sent_of_sum};
constexpr Kind kReduceScatter{"reduce_scatter", sent_of_parts};
constexpr Kind kAllGather{"all_gather", sent_of_parts};
constexpr Kind kBroadcast{"broadcast", sent_of_broadcast};
constexpr Kind kBarrier{"barrier", sent_of_sum};

/// `post` starts the collective on a tensor and returns its Work.
template <class Post>
PendingCollective start(const std::shared_ptr<ProcessGroup::Impl>& group, const Kind& kind, const at::Tensor& tensor,
                        Post post) {
  if (group->idle(tensor)) return {};
  const char* name = kind.name;
  group->check(name);
  if (tensor.numel() == 0) return {};
  group->traffic.collectives += 1;
  group->traffic.bytes += kind.sent(static_cast<double>(tensor.nbytes()), group->environment.world_size);
  if (group->heartbeat) group->heartbeat->begin_collective(name);
  const at::Tensor flat = flat_view(tensor);
  try {
    std::vector<at::Tensor> tensors = {flat};
    return PendingCollective(std::make_shared<PendingCollective::Impl>(group, name, flat, post(tensors)));
  } catch (const std::exception& error) {
    group->fail(name, error);
  }
}

}  // namespace

void PendingCollective::wait() {
  if (impl_) impl_->wait();
}

ProcessGroup::ProcessGroup() : impl_(std::make_shared<Impl>()) {}

ProcessGroup::ProcessGroup(const LaunchEnvironment& environment, const torch::Device& device)
    : impl_(std::make_shared<Impl>(environment, device)) {}

int ProcessGroup::rank() const { return impl_->environment.rank; }

int ProcessGroup::world_size() const { return impl_->environment.world_size; }

void ProcessGroup::all_reduce(torch::Tensor tensor) { all_reduce_async(std::move(tensor)).wait(); }

PendingCollective ProcessGroup::all_reduce_async(torch::Tensor tensor) {
  return start(impl_, kAllReduce, tensor,
               [&](std::vector<at::Tensor>& tensors) { return impl_->backend(tensors[0])->allreduce(tensors); });
}

PendingCollective ProcessGroup::reduce_scatter_async(torch::Tensor tensor) {
  require_equal_parts(tensor, world_size());
  return start(impl_, kReduceScatter, tensor, [&](std::vector<at::Tensor>& tensors) {
    // Gloo's own is slower than its all-reduce, and has no future to wait for.
    if (tensors[0].is_cpu()) return impl_->host->allreduce(tensors);
    auto part = impl_->part(tensors[0]);
    return impl_->data->_reduce_scatter_base(part, tensors[0]);
  });
}

PendingCollective ProcessGroup::all_gather_async(torch::Tensor tensor) {
  require_equal_parts(tensor, world_size());
  return start(impl_, kAllGather, tensor, [&](std::vector<at::Tensor>& tensors) {
    auto part = impl_->part(tensors[0]);
    return impl_->backend(tensors[0])->_allgather_base(tensors[0], part);
  });
}

void ProcessGroup::broadcast(torch::Tensor tensor, int root) {
  TORCH_CHECK_VALUE(root >= 0 && root < world_size(), "broadcast from rank ", root, " of ", world_size());
  start(impl_, kBroadcast, tensor, [&](std::vector<at::Tensor>& tensors) {
    c10d::BroadcastOptions options;
    options.rootRank = root;
    return impl_->backend(tensors[0])->broadcast(tensors, options);
  }).wait();
}

std::vector<double> ProcessGroup::all_reduce(std::vector<double> values) {
  // A separate tensor: after a failure Gloo's thread may still write to it when this call has ended.
  const auto tensor = torch::tensor(values, torch::kDouble);
  all_reduce(tensor);
  std::copy_n(tensor.const_data_ptr<double>(), values.size(), values.begin());
  return values;
}

void ProcessGroup::barrier() {
  start(impl_, kBarrier, torch::zeros({1}), [&](std::vector<at::Tensor>&) { return impl_->host->barrier(); }).wait();
}

Traffic ProcessGroup::traffic() const { return impl_->traffic; }

void ProcessGroup::abandon(const std::string& reason) {
  if (impl_->liveness) impl_->liveness->leave(reason);
}

void ProcessGroup::shutdown() {
  // The store goes with the rank that serves it, which may be the first behind the barrier.
  if (impl_->heartbeat) impl_->heartbeat->stop();
  barrier();
  if (impl_->data) impl_->data->shutdown();
  if (impl_->liveness) impl_->liveness->finish();
  impl_->close();
}

}  // namespace convllava::distributed
