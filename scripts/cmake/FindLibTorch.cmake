# LibTorch as imported targets, from the `torch` wheel of .venv or from any LibTorch in CMAKE_PREFIX_PATH.
#
#   LibTorch::LibTorch        c10 and torch_cpu
#   LibTorch::CUDA            c10_cuda and torch_cuda, where LibTorch_HAS_CUDA
#   LibTorch_ROOT             folder of `include` and `lib`
#   LibTorch_LIBRARY_DIR      folder of the shared libraries
#   LibTorch_HAS_CUDA         whether it holds CUDA libraries
#   LibTorch_VERSION
#
# `find_package(Torch)` is not used: for a CUDA wheel it demands nvcc, a GPU to detect and unversioned links that the wheel
# does not have, also where only the CPU part is wanted.

# What an earlier configuration found may be gone by now.
if(LibTorch_INCLUDE_DIR AND NOT EXISTS "${LibTorch_INCLUDE_DIR}/torch/csrc/api/include/torch/torch.h")
  unset(LibTorch_INCLUDE_DIR CACHE)
  unset(LibTorch_CPU_LIBRARY CACHE)
endif()

file(GLOB _wheels ${CMAKE_CURRENT_LIST_DIR}/../../.venv/lib/python*/site-packages/torch)
set(_roots "")
foreach(_prefix IN LISTS CMAKE_PREFIX_PATH Torch_DIR)
  list(APPEND _roots ${_prefix} ${_prefix}/../.. ${_prefix}/../../..)
endforeach()
find_path(LibTorch_INCLUDE_DIR torch/csrc/api/include/torch/torch.h HINTS ${_roots} ${_wheels} PATH_SUFFIXES include
          NO_DEFAULT_PATH)
find_path(LibTorch_INCLUDE_DIR torch/csrc/api/include/torch/torch.h)
if(LibTorch_INCLUDE_DIR)
  get_filename_component(LibTorch_ROOT ${LibTorch_INCLUDE_DIR} DIRECTORY)
  set(LibTorch_LIBRARY_DIR ${LibTorch_ROOT}/lib)
  set(_version "")
  # Older releases have the numbers in the second one.
  foreach(_header IN ITEMS torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
    if(EXISTS "${LibTorch_INCLUDE_DIR}/${_header}")
      file(READ "${LibTorch_INCLUDE_DIR}/${_header}" _lines)
      string(APPEND _version "${_lines}")
    endif()
  endforeach()
  set(LibTorch_VERSION "")
  foreach(_part IN ITEMS MAJOR MINOR PATCH)
    if(_version MATCHES "define TORCH_VERSION_${_part} ([0-9]+)")
      list(APPEND LibTorch_VERSION ${CMAKE_MATCH_1})
    endif()
  endforeach()
  list(JOIN LibTorch_VERSION . LibTorch_VERSION)
  if(NOT LibTorch_VERSION)
    set(LibTorch_VERSION unknown)  # compares as older than any
  endif()
  if(EXISTS ${LibTorch_LIBRARY_DIR}/libtorch_cuda.so)
    set(LibTorch_HAS_CUDA TRUE)
  endif()
endif()
find_library(LibTorch_CPU_LIBRARY torch_cpu HINTS ${LibTorch_LIBRARY_DIR} NO_DEFAULT_PATH)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  LibTorch
  REQUIRED_VARS LibTorch_CPU_LIBRARY LibTorch_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "run scripts/setup.sh, or pass -DCMAKE_PREFIX_PATH=<libtorch>")

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  target_include_directories(LibTorch::LibTorch SYSTEM INTERFACE ${LibTorch_INCLUDE_DIR}
                                                                 ${LibTorch_INCLUDE_DIR}/torch/csrc/api/include)
  target_compile_definitions(LibTorch::LibTorch INTERFACE USE_DISTRIBUTED USE_C10D_GLOO)
  find_package(Threads REQUIRED)
  target_link_libraries(LibTorch::LibTorch INTERFACE Threads::Threads ${LibTorch_CPU_LIBRARY} ${LibTorch_LIBRARY_DIR}/libc10.so)
  # The libraries register their kernels when they are loaded; nothing refers to torch_cuda by name.
  target_link_options(LibTorch::LibTorch INTERFACE LINKER:--no-as-needed LINKER:--allow-shlib-undefined)
  if(LibTorch_HAS_CUDA)
    add_library(LibTorch::CUDA INTERFACE IMPORTED)
    target_link_libraries(LibTorch::CUDA INTERFACE ${LibTorch_LIBRARY_DIR}/libtorch_cuda.so
                                                   ${LibTorch_LIBRARY_DIR}/libc10_cuda.so)
  endif()
endif()
mark_as_advanced(LibTorch_INCLUDE_DIR LibTorch_CPU_LIBRARY)
