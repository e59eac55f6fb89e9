# cmake -DWAY=find_package|add_subdirectory -DSOURCE=.. -DBINARY=.. -DWORK=.. -P check_consumer.cmake
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code)
  if(code)
    message(FATAL_ERROR "failed (${code}): ${ARGN}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
set(arguments -DWAY=${WAY} -DCONVLLAVA_SOURCE=${SOURCE})
if(WAY STREQUAL "find_package")
  # The prefix names torch and holds none: LibTorch is that of the build nevertheless.
  set(prefix ${WORK}/prefix-beside-torch)
  run(${CMAKE_COMMAND} --install ${BINARY} --prefix ${prefix})
  list(APPEND arguments -DCMAKE_PREFIX_PATH=${prefix})
else()
  # It is compiled again; without optimisation and several files at once that takes a third of the time.
  list(APPEND arguments -DCMAKE_BUILD_TYPE=Debug -DCMAKE_UNITY_BUILD=ON)
endif()
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/consumer -B ${WORK}/build -G Ninja ${arguments})
run(${CMAKE_COMMAND} --build ${WORK}/build --target consumer)
run(${WORK}/build/consumer)
