#include "convllava/data/loaded_batch.h"

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <string>

#include "convllava/core/error.h"
#include "convllava/core/watched_file.h"

namespace convllava::data {
namespace {

struct Slot {
  std::optional<Sample> sample;
  std::string bad;             ///< the error of the sample
  std::exception_ptr failure;  ///< any other error
};

/// Shared by the tasks of one micro-batch; each task writes only its own slot.
class Assembly {
 public:
  Assembly(std::function<Sample(int64_t)> load, std::vector<int64_t> indices, int64_t max_length)
      : load_(std::move(load)),
        indices_(std::move(indices)),
        max_length_(max_length),
        slots_(indices_.size()),
        missing_(indices_.size()) {}

  std::future<LoadedBatch> result() { return promise_.get_future(); }

  void fill(size_t i) {
    try {
      slots_[i].sample = load_(indices_[i]);
    } catch (const core::FileChanged&) {
      slots_[i].failure = std::current_exception();
    } catch (const DataError& error) {
      slots_[i].bad = error.what();
    } catch (...) {
      slots_[i].failure = std::current_exception();
    }
    if (--missing_ == 0) finish();
  }

  void finish() {
    try {
      promise_.set_value(joined());
    } catch (...) {
      promise_.set_exception(std::current_exception());
    }
  }

 private:
  LoadedBatch joined() {
    LoadedBatch batch;
    std::vector<Sample> samples;
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].failure) std::rethrow_exception(slots_[i].failure);
      if (!slots_[i].sample) {
        batch.bad.push_back({indices_[i], std::move(slots_[i].bad)});
        continue;
      }
      batch.cut_samples += slots_[i].sample->cut_labels > 0;
      batch.cut_tokens += slots_[i].sample->cut_labels;
      samples.push_back(std::move(*slots_[i].sample));
    }
    batch.samples = static_cast<int64_t>(samples.size());
    batch.packed = pack(samples, max_length_);
    return batch;
  }

  std::function<Sample(int64_t)> load_;
  std::vector<int64_t> indices_;
  int64_t max_length_;
  std::vector<Slot> slots_;
  std::atomic<size_t> missing_;
  std::promise<LoadedBatch> promise_;
};

}  // namespace

std::future<LoadedBatch> load_batch(core::ThreadPool& pool, std::function<Sample(int64_t index)> load,
                                    std::vector<int64_t> indices, int64_t max_length) {
  const size_t count = indices.size();
  const auto assembly = std::make_shared<Assembly>(std::move(load), std::move(indices), max_length);
  std::future<LoadedBatch> result = assembly->result();
  if (count == 0) assembly->finish();
  for (size_t i = 0; i < count; ++i) pool.submit([assembly, i] { assembly->fill(i); });
  return result;
}

}  // namespace convllava::data
