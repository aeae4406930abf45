# vinci_module(NAME [USES module...] [LINK target...]): one folder of src/ is one static library `vinci_NAME`.
# Sources are every .cc below src/NAME; `*_test.cc` go into the test program `vinci_NAME_test`,
# `*_bench.cc` into `vinci_NAME_bench`, `*_fuzz.cc` into one libFuzzer program each, `*_main.cc` are left out.

# -O3 gains nothing outside of the kernels, which ask for it themselves, and doubles the time of a build.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(VINCI_WARNINGS -Wall -Wextra -Wconversion -Wshadow -Wno-psabi $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)

add_library(vinci_options INTERFACE)
target_compile_features(vinci_options INTERFACE cxx_std_20)
target_include_directories(vinci_options INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
# No product is fused with a sum behind the back of the code: kernels say `fma` where they want one.
target_compile_options(vinci_options INTERFACE ${VINCI_WARNINGS} $<$<BOOL:${VINCI_WERROR}>:-Werror>
  -ffp-contract=off)
if(VINCI_SANITIZE)
  target_compile_options(vinci_options INTERFACE -fsanitize=${VINCI_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(vinci_options INTERFACE -fsanitize=${VINCI_SANITIZE})
endif()
if(VINCI_FUZZ)
  # Coverage is counted in the libraries too: a fuzzer that sees only its own file searches blindly.
  target_compile_options(vinci_options INTERFACE -fsanitize=fuzzer-no-link)
  add_custom_target(fuzzers)
endif()

if(VINCI_TESTS)
  enable_testing()
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
if(VINCI_BENCH)
  find_package(benchmark REQUIRED)
endif()

function(vinci_module name)
  cmake_parse_arguments(ARG "" "" "USES;LINK" ${ARGN})
  set(dir ${PROJECT_SOURCE_DIR}/src/${name})
  file(GLOB_RECURSE all CONFIGURE_DEPENDS ${dir}/*.cc)
  set(tests ${all})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set(benches ${all})
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  set(fuzzers ${all})
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  set(sources ${all})
  list(FILTER sources EXCLUDE REGEX "_(test|bench|fuzz|main|simd)\\.cc$")

  set(deps vinci_options)
  foreach(use IN LISTS ARG_USES)
    list(APPEND deps vinci_${use})
  endforeach()
  list(APPEND deps ${ARG_LINK})

  if(sources)
    add_library(vinci_${name} STATIC ${sources})
    target_link_libraries(vinci_${name} PUBLIC ${deps})
    # What VinciInstall.cmake makes the installed library of.
    set_property(GLOBAL APPEND PROPERTY VINCI_OBJECTS $<TARGET_OBJECTS:vinci_${name}>)
  else()
    add_library(vinci_${name} INTERFACE)
    target_link_libraries(vinci_${name} INTERFACE ${deps})
  endif()
  add_library(vinci::${name} ALIAS vinci_${name})

  # `*_simd.cc` are compiled once per instruction set; the code picks one at run time.
  set(simd ${all})
  list(FILTER simd INCLUDE REGEX "_simd\\.cc$")
  if(simd)
    vinci_simd_objects(vinci_${name} ${simd})
  endif()

  if(VINCI_TESTS AND tests)
    add_executable(vinci_${name}_test ${tests})
    target_link_libraries(vinci_${name}_test PRIVATE vinci_${name} GTest::gtest GTest::gmock GTest::gtest_main)
    # Only to the files that read them: all others compile to the same object in every clone.
    foreach(test IN LISTS tests)
      file(STRINGS ${test} uses_folders REGEX "VINCI_(SOURCE|SHARED)_DIR")
      if(uses_folders)
        set_property(SOURCE ${test} APPEND PROPERTY COMPILE_DEFINITIONS
          VINCI_SOURCE_DIR="${PROJECT_SOURCE_DIR}" VINCI_SHARED_DIR="${PROJECT_SOURCE_DIR}/../shared")
      endif()
    endforeach()
    gtest_discover_tests(vinci_${name}_test TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST
      PROPERTIES LABELS unit TIMEOUT 600)
  endif()
  if(VINCI_BENCH AND benches)
    add_executable(vinci_${name}_bench ${benches})
    target_link_libraries(vinci_${name}_bench PRIVATE vinci_${name} benchmark::benchmark benchmark::benchmark_main)
  endif()
  if(VINCI_FUZZ)
    foreach(fuzzer IN LISTS fuzzers)
      get_filename_component(target ${fuzzer} NAME_WE)
      add_executable(${target} ${fuzzer})
      target_link_libraries(${target} PRIVATE vinci_${name})
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
      add_dependencies(fuzzers ${target})
    endforeach()
  endif()
endfunction()

# Instruction sets: name, then flags. Each compiles the same source with VINCI_TARGET=name.
function(vinci_simd_objects library)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    set(targets baseline avx2 avx512)
    set(flags_baseline "")
    set(flags_avx2 -mavx2 -mfma)
    set(flags_avx512 -mavx512f -mavx512dq -mavx512vl -mavx512bw -mfma -mprefer-vector-width=512)
  else()
    set(targets baseline)
    set(flags_baseline "")
  endif()
  if(VINCI_FUZZ)
    # Fuzzers look for what bytes do to readers; kernels see sanitizers in the tests, and take up to half an hour each to
    # build so. A property of the sources, since options of targets come before those of vinci_options.
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS -fno-sanitize=all)
  endif()
  foreach(target IN LISTS targets)
    add_library(${library}_${target} OBJECT ${ARGN})
    target_link_libraries(${library}_${target} PRIVATE vinci_options)
    target_compile_definitions(${library}_${target} PRIVATE VINCI_TARGET=${target})
    target_compile_options(${library}_${target} PRIVATE $<$<NOT:$<CONFIG:Debug>>:-O3> -fno-math-errno -fno-trapping-math
      ${flags_${target}})
    target_sources(${library} PRIVATE $<TARGET_OBJECTS:${library}_${target}>)
    set_property(GLOBAL APPEND PROPERTY VINCI_OBJECTS $<TARGET_OBJECTS:${library}_${target}>)
  endforeach()
endfunction()
