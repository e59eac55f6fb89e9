# What the library links against. Sets CONVLLAVA_WITH_OPENCV and CONVLLAVA_WITH_CUDA.

foreach(part IN ITEMS CONVLLAVA_CUDA CONVLLAVA_OPENCV)
  if(NOT ${part} MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR "${part}: got ${${part}}; expected AUTO, ON or OFF")
  endif()
endforeach()

find_package(LibTorch 2.11 REQUIRED)
include(ConvLLaVACuda)
if(CONVLLAVA_WITH_CUDA)
  target_link_libraries(LibTorch::LibTorch INTERFACE LibTorch::CUDA)
endif()

find_package(Threads REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc)
find_package(SentencePiece REQUIRED)

# The codecs that Pillow decodes with too.
find_package(JPEG REQUIRED)
find_package(TIFF REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
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

message(STATUS "LibTorch ${LibTorch_VERSION} of ${LibTorch_ROOT}; OpenCV: ${CONVLLAVA_WITH_OPENCV}")
message(STATUS "CUDA and NCCL: ${CONVLLAVA_CUDA_STATUS}")
