# cmake -DSOURCE=.. -DWORK=.. -P check_find_libtorch.cmake
# A LibTorch that is too old is refused with its version, also where the cache names another that is gone.
file(REMOVE_RECURSE ${WORK})
file(WRITE ${WORK}/project/CMakeLists.txt "cmake_minimum_required(VERSION 3.22)
project(finder LANGUAGES NONE)
list(APPEND CMAKE_MODULE_PATH \"${SOURCE}/scripts/cmake\")
find_package(LibTorch 2.11 REQUIRED)
")

function(check_refused version version_header)
  file(REMOVE_RECURSE ${WORK}/torch ${WORK}/build)
  file(WRITE ${WORK}/torch/include/torch/csrc/api/include/torch/torch.h "")
  file(WRITE ${WORK}/torch/include/torch/csrc/api/include/torch/version.h "${version_header}")
  file(WRITE ${WORK}/torch/lib/libtorch_cpu.so "")
  execute_process(COMMAND ${CMAKE_COMMAND} -S "${WORK}/project" -B "${WORK}/build" -DCMAKE_PREFIX_PATH=${WORK}/torch
                          -DLibTorch_INCLUDE_DIR=${WORK}/gone
                  RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(code EQUAL 0 OR NOT output MATCHES "unsuitable[ \n]+version[ \n]+\"${version}\"")
    message(FATAL_ERROR "expected \"${version}\" to be refused, got ${code}: ${output}")
  endif()
endfunction()

check_refused("2[.]1[.]3" "#define TORCH_VERSION_MAJOR 2
#define TORCH_VERSION_MINOR 1
#define TORCH_VERSION_PATCH 3
")
check_refused("unknown" "")
