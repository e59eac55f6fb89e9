#include "convllava/parallel/flat_memory.h"

#include "convllava/nn/libtorch.h"

namespace convllava::parallel {

FlatMemory::FlatMemory(int64_t numel, const torch::TensorOptions& options)
    : tensor_(torch::empty({numel}, options)), bytes_(tensor_.nbytes()) {
  free();
}

bool FlatMemory::allocated() const { return defined() && tensor_.storage().nbytes() > 0; }

void FlatMemory::allocate() {
  if (allocated()) return;
  auto* storage = tensor_.storage().unsafeGetStorageImpl();
  storage->set_data_ptr_noswap(storage->allocator()->allocate(bytes_));
  storage->set_nbytes(bytes_);
}

void FlatMemory::free() {
  auto* storage = tensor_.storage().unsafeGetStorageImpl();
  storage->set_data_ptr_noswap(at::DataPtr(nullptr, storage->device()));
  storage->set_nbytes(0);
}

}  // namespace convllava::parallel
