# What the library links against. Sets CONVLLAVA_WITH_OPENCV and CONVLLAVA_WITH_CUDA.

# The CUDA parts are C++: the headers of CUDA and NCCL that come with the wheel are all they need, and of its versions.
# AUTO builds them where there is a driver or a toolkit, a sign that GPUs are in use here.
set(CONVLLAVA_WITH_CUDA FALSE)
set(nvidia ${PROJECT_SOURCE_DIR}/.venv/lib/python*/site-packages/nvidia)
file(GLOB CONVLLAVA_CUDA_INCLUDE_DIRS ${nvidia}/cu13/include ${nvidia}/nccl/include)
list(LENGTH CONVLLAVA_CUDA_INCLUDE_DIRS headers)
find_program(CONVLLAVA_NVIDIA_SMI nvidia-smi)
find_program(CONVLLAVA_NVCC nvcc PATHS /usr/local/cuda/bin)
if(headers EQUAL 2)
  if(CONVLLAVA_CUDA STREQUAL "ON" OR (CONVLLAVA_CUDA STREQUAL "AUTO" AND (CONVLLAVA_NVIDIA_SMI OR CONVLLAVA_NVCC)))
    set(CONVLLAVA_WITH_CUDA TRUE)
  endif()
endif()
if(CONVLLAVA_CUDA STREQUAL "ON" AND NOT CONVLLAVA_WITH_CUDA)
  message(FATAL_ERROR "CONVLLAVA_CUDA=ON needs the torch wheel of .venv (scripts/setup.sh)")
endif()

find_package(LibTorch 2.11 REQUIRED)
if(CONVLLAVA_WITH_CUDA AND NOT LibTorch_HAS_CUDA)
  if(CONVLLAVA_CUDA STREQUAL "ON")
    message(FATAL_ERROR "CONVLLAVA_CUDA=ON, but the LibTorch of ${LibTorch_LIBRARY_DIR} was built for CPUs only")
  endif()
  set(CONVLLAVA_WITH_CUDA FALSE)
endif()

find_package(Threads REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc)
find_package(PkgConfig REQUIRED)
pkg_check_modules(SentencePiece REQUIRED IMPORTED_TARGET sentencepiece)

# The codecs that Pillow decodes with too.
find_package(JPEG REQUIRED)
find_package(TIFF REQUIRED)
find_package(ZLIB REQUIRED)
pkg_check_modules(WebP REQUIRED IMPORTED_TARGET libwebp libwebpdemux)

# data/demo draws with OpenCV, and nothing else needs it.
set(CONVLLAVA_WITH_OPENCV FALSE)
if(NOT CONVLLAVA_OPENCV STREQUAL "OFF")
  find_package(OpenCV QUIET COMPONENTS core imgproc imgcodecs)
  if(OpenCV_FOUND)
    set(CONVLLAVA_WITH_OPENCV TRUE)
  elseif(CONVLLAVA_OPENCV STREQUAL "ON")
    message(FATAL_ERROR "CONVLLAVA_OPENCV=ON, but OpenCV was not found (scripts/setup.sh installs it)")
  endif()
endif()

# yaml-cpp 0.7 exports `yaml-cpp`, 0.8 `yaml-cpp::yaml-cpp`.
if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()

message(STATUS "LibTorch ${LibTorch_VERSION}; OpenCV: ${CONVLLAVA_WITH_OPENCV}; CUDA and NCCL: ${CONVLLAVA_WITH_CUDA}")
