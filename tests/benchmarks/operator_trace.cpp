#include "operator_trace.h"

#include <fmt/format.h>
#include <torch/csrc/autograd/profiler_kineto.h>

#include <algorithm>
#include <map>
#include <set>

namespace convllava::benchmark {
namespace {

namespace profiler = torch::autograd::profiler;
using profiler::KinetoEvent;
using torch::profiler::impl::ActivityType;

constexpr size_t kRows = 40;
constexpr size_t kNameWidth = 110;

struct Cost {
  uint64_t nanoseconds = 0;
  int64_t calls = 0;
};
using Costs = std::map<std::string, Cost>;

struct Interval {
  uint64_t begin = 0;
  uint64_t end = 0;
  const KinetoEvent* event = nullptr;
};

std::vector<Interval> sorted(const std::vector<KinetoEvent>& events, c10::DeviceType type) {
  std::vector<Interval> intervals;
  for (const auto& event : events) {
    if (event.deviceType() == type && event.durationNs() > 0)
      intervals.push_back({event.startNs(), event.endNs(), &event});
  }
  std::sort(intervals.begin(), intervals.end(), [](const Interval& a, const Interval& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
  });
  return intervals;
}

void add(Costs& costs, const std::string& name, uint64_t nanoseconds, int64_t calls) {
  auto& cost = costs[name];
  cost.nanoseconds += nanoseconds;
  cost.calls += calls;
}

/// For each operator the position of the one that called it, or -1. Those of a thread lie in each other.
std::vector<int64_t> callers(const std::vector<Interval>& intervals) {
  std::vector<int64_t> callers;
  std::map<uint64_t, std::vector<int64_t>> open;
  for (const auto& interval : intervals) {
    auto& stack = open[interval.event->startThreadId()];
    while (!stack.empty() && intervals[stack.back()].end <= interval.begin) stack.pop_back();
    callers.push_back(stack.empty() ? -1 : stack.back());
    stack.push_back(static_cast<int64_t>(callers.size()) - 1);
  }
  return callers;
}

/// Time of operators without that of those that they call.
Costs own_time(const std::vector<Interval>& intervals) {
  Costs costs;
  const auto caller = callers(intervals);
  for (size_t i = 0; i < intervals.size(); ++i) {
    const uint64_t length = intervals[i].end - intervals[i].begin;
    if (caller[i] >= 0) costs[intervals[caller[i]].event->name()].nanoseconds -= length;
    add(costs, intervals[i].event->name(), length, 1);
  }
  return costs;
}

/// Time in which at least one interval is under way.
uint64_t covered(const std::vector<Interval>& intervals) {
  uint64_t total = 0;
  uint64_t end = 0;
  for (const auto& interval : intervals) {
    const uint64_t begin = std::max(interval.begin, end);
    if (interval.end > begin) total += interval.end - begin;
    end = std::max(end, interval.end);
  }
  return total;
}

std::string table(const Costs& costs) {
  std::vector<std::pair<std::string, Cost>> rows(costs.begin(), costs.end());
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return a.second.nanoseconds > b.second.nanoseconds; });
  uint64_t all = 0;
  for (const auto& row : rows) all += row.second.nanoseconds;
  std::string text = fmt::format("{:>10} {:>7} {:>7}  name\n", "ms", "share", "calls");
  for (size_t i = 0; i < std::min(kRows, rows.size()); ++i) {
    const auto& [name, cost] = rows[i];
    text += fmt::format("{:>10.3f} {:>6.1f}% {:>7}  {}\n", cost.nanoseconds / 1e6, 100.0 * cost.nanoseconds / all,
                        cost.calls, name.substr(0, kNameWidth));
  }
  return text;
}

/// Operators that launch no kernel of their own: they make a tensor or a view, or only call others.
const std::set<std::string> kWithoutKernel = {"aten::_local_scalar_dense",
                                              "aten::_reshape_alias",
                                              "aten::alias",
                                              "aten::as_strided",
                                              "aten::clone",
                                              "aten::contiguous",
                                              "aten::detach",
                                              "aten::empty",
                                              "aten::empty_like",
                                              "aten::empty_strided",
                                              "aten::expand",
                                              "aten::flatten",
                                              "aten::item",
                                              "aten::narrow",
                                              "aten::permute",
                                              "aten::reshape",
                                              "aten::resize_",
                                              "aten::result_type",
                                              "aten::select",
                                              "aten::set_",
                                              "aten::slice",
                                              "aten::split",
                                              "aten::squeeze",
                                              "aten::t",
                                              "aten::to",
                                              "aten::transpose",
                                              "aten::unsqueeze",
                                              "aten::view",
                                              "aten::view_as"};

/// What the same step would ask of a GPU, from the operators that ran on the CPU.
std::string host_operators(const std::vector<Interval>& intervals) {
  const auto caller = callers(intervals);
  std::vector<bool> calls_kernel(intervals.size());
  int64_t kernels = 0;
  int64_t reads = 0;
  for (size_t i = intervals.size(); i-- > 0;) {  // what an operator calls stands behind it
    const auto name = intervals[i].event->name();
    const bool own_kernel = !calls_kernel[i] && name.rfind("aten::", 0) == 0 && kWithoutKernel.count(name) == 0;
    if (own_kernel) ++kernels;
    if (caller[i] >= 0 && (own_kernel || calls_kernel[i])) calls_kernel[caller[i]] = true;
    // AdamW reads its scalars on CPUs only.
    const bool in_adamw = caller[i] >= 0 && intervals[caller[i]].event->name() == "aten::_fused_adamw_";
    if (name == "aten::item" && !in_adamw) ++reads;
  }
  return fmt::format("host: {} operators that compute, {} numbers read\n", kernels, reads);
}

/// What the host did for the device, from the calls of CUDA's runtime.
std::string host_calls(const Costs& costs) {
  int64_t launches = 0;
  int64_t synchronisations = 0;
  for (const auto& [name, cost] : costs) {
    if (name.find("LaunchKernel") != std::string::npos) launches += cost.calls;
    if (name.find("Synchronize") != std::string::npos) synchronisations += cost.calls;
  }
  return fmt::format("host: {} launches, {} synchronisations\n", launches, synchronisations);
}

}  // namespace

OperatorTrace::OperatorTrace(const torch::Device& device) : device_(device) {
  std::set<ActivityType> activities = {ActivityType::CPU};
  if (device.is_cuda()) activities.insert(ActivityType::CUDA);
  const torch::profiler::impl::ProfilerConfig config(torch::profiler::impl::ProfilerState::KINETO);
  profiler::prepareProfiler(config, activities);
  profiler::enableProfiler(config, activities);
}

std::string OperatorTrace::finish(const std::string& file) {
  const auto result = profiler::disableProfiler();
  if (!file.empty()) result->save(file);
  const auto host = sorted(result->events(), c10::DeviceType::CPU);
  if (!device_.is_cuda()) return table(own_time(host)) + host_operators(host);
  const auto device = sorted(result->events(), device_.type());
  Costs kernels;
  for (const auto& interval : device) add(kernels, interval.event->name(), interval.end - interval.begin, 1);
  std::string text = table(kernels);
  if (device.empty()) return text + "no kernel was recorded\n";
  const uint64_t busy = covered(device);
  uint64_t last = 0;
  for (const auto& interval : device) last = std::max(last, interval.end);
  const uint64_t span = last - device.front().begin;
  return text +
         fmt::format("device: {:.2f} ms from the first kernel to the last, {:.2f} ms idle\n", span / 1e6,
                     (span - busy) / 1e6) +
         host_calls(own_time(host));
}

}  // namespace convllava::benchmark
