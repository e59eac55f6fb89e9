# cmake -DSOURCE=.. -DWORK=.. -P check_find_cuda.cmake
# The CUDA parts are built with the headers beside LibTorch, also without .venv; where they are not built, the reason is
# printed, and CONVLLAVA_CUDA=ON refuses. All of it with empty libraries and headers that hold a version only.
file(REMOVE_RECURSE ${WORK})
set(nvidia ${WORK}/site-packages/nvidia)
file(WRITE ${WORK}/project/CMakeLists.txt "cmake_minimum_required(VERSION 3.22)
project(finder LANGUAGES NONE)
# The toolkit and the driver of this machine are not to be seen.
set(CMAKE_DISABLE_FIND_PACKAGE_CUDAToolkit ON)
set(CMAKE_FIND_USE_CMAKE_SYSTEM_PATH OFF)
set(CMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH OFF)
list(APPEND CMAKE_MODULE_PATH \"${SOURCE}/scripts/cmake\")
set(LibTorch_ROOT \"${WORK}/site-packages/torch\")
set(LibTorch_INCLUDE_DIR \"\${LibTorch_ROOT}/include\")
set(LibTorch_LIBRARY_DIR \"\${LibTorch_ROOT}/lib\")
include(ConvLLaVACuda)
message(STATUS \"CUDA: \${CONVLLAVA_CUDA_STATUS}; folders: \${CONVLLAVA_CUDA_INCLUDE_DIRS}\")
")

# One space stands for the line breaks of an error.
function(check expected)
  file(REMOVE_RECURSE ${WORK}/build)
  execute_process(COMMAND ${CMAKE_COMMAND} -S "${WORK}/project" -B "${WORK}/build" ${ARGN} OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " output "${output}")
  string(FIND "${output}" "${expected}" position)
  if(position EQUAL -1)
    message(FATAL_ERROR "expected \"${expected}\", got ${output}")
  endif()
endfunction()

set(with_gpu -DLibTorch_HAS_CUDA=TRUE -DCONVLLAVA_CUDA=AUTO -DCONVLLAVA_NVIDIA_SMI=/usr/bin/nvidia-smi)
set(without_gpu -DLibTorch_HAS_CUDA=TRUE -DCONVLLAVA_NVIDIA_SMI=OFF -DCONVLLAVA_NVCC=OFF)
set(places "in ${nvidia}/*/include, .venv, a CUDA toolkit, CMAKE_PREFIX_PATH or the system's folders")

check("CUDA: FALSE (CONVLLAVA_CUDA=OFF)" -DLibTorch_HAS_CUDA=TRUE -DCONVLLAVA_CUDA=OFF)
check("CUDA: FALSE (the LibTorch of ${WORK}/site-packages/torch/lib was built for CPUs only)" -DCONVLLAVA_CUDA=AUTO)
check("CUDA: FALSE (neither nvidia-smi nor nvcc is here; CONVLLAVA_CUDA=ON builds them without)" ${without_gpu}
      -DCONVLLAVA_CUDA=AUTO)
check("CUDA: FALSE (no cuda_runtime_api.h ${places})" ${with_gpu})
check("CONVLLAVA_CUDA=ON, but no cuda_runtime_api.h ${places}" ${without_gpu} -DCONVLLAVA_CUDA=ON)

# Wheels for CUDA 12 have a folder for each part, those for 13 one for all but NCCL.
file(WRITE ${nvidia}/cuda_runtime/include/cuda_runtime_api.h "#define CUDART_VERSION  12060\n")
file(WRITE ${nvidia}/cublas/include/cublas_v2.h "")
check("CUDA: FALSE (no nccl.h ${places})" ${with_gpu})
file(WRITE ${nvidia}/nccl/include/nccl.h "#define NCCL_VERSION_CODE 22809\n#define NCCL_VERSION(X,Y,Z) 1\n")
set(dirs ${nvidia}/cuda_runtime/include ${nvidia}/nccl/include)
check("CUDA: TRUE (CUDA 12.6 of ${nvidia}/cuda_runtime/include, NCCL 2.28 of ${nvidia}/nccl/include); folders: ${dirs};"
      ${with_gpu})
check("${nvidia}/cublas/include" ${with_gpu})
check("CUDA: TRUE" ${without_gpu} -DCONVLLAVA_CUDA=ON)

file(WRITE ${WORK}/site-packages/torch/build-version "2.11.0+cu128\n")
check("CUDA: TRUE" ${with_gpu})
file(WRITE ${WORK}/site-packages/torch/version.py "__version__ = '2.11.0+cu130'\n")
file(REMOVE ${WORK}/site-packages/torch/build-version)
check("CUDA: FALSE (LibTorch was built with CUDA 13.0, and the headers are those of CUDA 12.6 of" ${with_gpu})

# A misspelt choice is not taken for OFF.
file(REMOVE_RECURSE ${WORK}/build)
foreach(part IN ITEMS CUDA OPENCV)
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK}/build -G Ninja -DCONVLLAVA_${part}=yes OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  if(NOT output MATCHES "CONVLLAVA_${part}: got yes; expected AUTO, ON or OFF")
    message(FATAL_ERROR "expected \"yes\" to be refused, got ${output}")
  endif()
  file(REMOVE_RECURSE ${WORK}/build)
endforeach()
