# Compiler settings and the functions that declare this project's targets.

include(GNUInstallDirs)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_FLAGS_DEV "-O1 -g1")
if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  find_program(CONVLLAVA_CCACHE ccache)
  if(CONVLLAVA_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # A precompiled header can only be cached with these sloppiness settings.
    set(CMAKE_CXX_COMPILER_LAUNCHER
        ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
        CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} ${CONVLLAVA_CCACHE})
  endif()
endif()

add_library(convllava_build INTERFACE)
target_compile_options(convllava_build INTERFACE -Wall -Wextra -fPIC)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 warns about std::string's own code (its bug 105651).
  target_compile_options(convllava_build INTERFACE -Wno-restrict -Wno-stringop-overflow)
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 13 and newer warn about the code of std::vector<bool>::reserve, which LibTorch's headers call.
  target_compile_options(convllava_build INTERFACE -Wno-array-bounds -Wno-stringop-overflow)
endif()
find_program(CONVLLAVA_MOLD mold)
if(CONVLLAVA_MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 12.1)
  target_link_options(convllava_build INTERFACE -fuse-ld=mold)
endif()
if(CONVLLAVA_SANITIZE)
  target_compile_options(convllava_build INTERFACE -fsanitize=${CONVLLAVA_SANITIZE} -fno-omit-frame-pointer
                                                   -fno-sanitize-recover=undefined)
  target_link_options(convllava_build INTERFACE -fsanitize=${CONVLLAVA_SANITIZE})
endif()

# For code that waits for files, sockets or people, and for tests, whose work is done by the library: at -O3 it takes half
# as long again to compile and saves no time.
set(CONVLLAVA_QUICK_TO_COMPILE "")
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  set(CONVLLAVA_QUICK_TO_COMPILE -O1)
endif()

# convllava_library(NAME [TORCH] SOURCES files... [LINK targets...] [PRIVATE targets...] [OPTIONS compiler options...])
# One folder of the library as the static library ConvLLaVA::NAME. TORCH: its sources include LibTorch headers.
function(convllava_library name)
  cmake_parse_arguments(arg "TORCH" "" "SOURCES;LINK;PRIVATE;OPTIONS" ${ARGN})
  add_library(convllava_${name} STATIC ${arg_SOURCES})
  add_library(ConvLLaVA::${name} ALIAS convllava_${name})
  set_target_properties(convllava_${name} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(convllava_${name} PUBLIC cxx_std_20)
  target_compile_options(convllava_${name} PRIVATE ${arg_OPTIONS})
  target_include_directories(convllava_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                                                      $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(convllava_${name} PUBLIC ${arg_LINK} PRIVATE $<BUILD_INTERFACE:convllava_build> ${arg_PRIVATE})
  if(arg_TORCH)
    target_link_libraries(convllava_${name} PUBLIC LibTorch::LibTorch)
    convllava_reuse_torch_header(convllava_${name} "${arg_OPTIONS}")
  endif()
  set_property(GLOBAL APPEND PROPERTY CONVLLAVA_LIBRARIES convllava_${name})
endfunction()

# LibTorch's headers cost about 20 s a file; precompiled once, they cost about 5, because GCC instantiates their templates
# again in each file. So Release compiles several files of a folder as one (CMake's unity builds): what they have in
# unnamed namespaces must differ in name or in arguments. Builds for development do not, and compile less after a change.
# The headers are precompiled for each list of `options`, since GCC 13 and newer use them only at the level of
# optimisation that they were made at.
# LibTorch brings fmt's headers of another version than the system's library: such files use them header-only.
function(convllava_reuse_torch_header target options)
  target_compile_definitions(${target} PRIVATE FMT_HEADER_ONLY)
  string(MAKE_C_IDENTIFIER "convllava_torch_header${options}" header)
  if(NOT TARGET ${header})
    file(WRITE ${PROJECT_BINARY_DIR}/torch_header.cpp "")
    add_library(${header} OBJECT ${PROJECT_BINARY_DIR}/torch_header.cpp)
    target_link_libraries(${header} PRIVATE convllava_build LibTorch::LibTorch)
    target_compile_options(${header} PRIVATE ${options})
    target_compile_definitions(${header} PRIVATE FMT_HEADER_ONLY)
    target_include_directories(${header} PRIVATE ${PROJECT_SOURCE_DIR})
    target_precompile_headers(${header} PRIVATE ${PROJECT_SOURCE_DIR}/convllava/nn/libtorch.h)
  endif()
  target_precompile_headers(${target} REUSE_FROM ${header})
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON)
    # GCC takes sources that another file includes for headers.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
endfunction()

# convllava_executable(NAME [TORCH] SOURCES files... [LINK targets...] [OPTIONS compiler options...])
function(convllava_executable name)
  cmake_parse_arguments(arg "TORCH" "" "SOURCES;LINK;OPTIONS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_compile_options(${name} PRIVATE ${arg_OPTIONS})
  target_link_libraries(${name} PRIVATE convllava_build ${arg_LINK})
  if(arg_TORCH)
    target_link_libraries(${name} PRIVATE LibTorch::LibTorch)
    convllava_reuse_torch_header(${name} "${arg_OPTIONS}")
  endif()
  if(LibTorch_LIBRARY_DIR)
    # Relative, so that a checkout with its .venv can be copied elsewhere.
    file(RELATIVE_PATH relative ${PROJECT_BINARY_DIR}/bin ${LibTorch_LIBRARY_DIR})
    set_target_properties(${name} PROPERTIES BUILD_RPATH "$ORIGIN/${relative}" INSTALL_RPATH "${LibTorch_LIBRARY_DIR}")
  endif()
endfunction()

# convllava_test(NAME [TORCH] SOURCES files... [LINK targets...] [LABELS labels...])
# A Catch2 program that ctest runs as one test, with the label `unit` unless others are given.
function(convllava_test name)
  cmake_parse_arguments(arg "TORCH" "" "SOURCES;LINK;LABELS" ${ARGN})
  set(torch "")
  if(arg_TORCH)
    set(torch TORCH)
  endif()
  convllava_executable(test_${name} ${torch} SOURCES ${arg_SOURCES} LINK ${arg_LINK} convllava_catch
                       OPTIONS ${CONVLLAVA_QUICK_TO_COMPILE})
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_definitions(test_${name} PRIVATE CONVLLAVA_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                                                  CONVLLAVA_BINARY_DIR="${PROJECT_BINARY_DIR}")
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  add_test(NAME ${name} COMMAND test_${name} WORKING_DIRECTORY ${PROJECT_BINARY_DIR})
  # One thread each, because tests run beside each other. With the others set, the programs need not start twice.
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT 600
                       ENVIRONMENT "OMP_NUM_THREADS=1;GOMP_SPINCOUNT=10000;PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True")
  # 4 is what Catch2 3.3 and newer return when every test was skipped; for Catch2 2 it is four failed assertions.
  if(Catch2_VERSION VERSION_GREATER_EQUAL 3.3)
    set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 4)
  endif()
endfunction()
