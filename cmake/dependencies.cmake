# What tercet uses when it is there. Included by our own build and by an installed tercetConfig.cmake alike.
#
#   Threads          always
#   OpenMP           where TERCET_OPENMP is ON; otherwise tercet runs its own thread pool
#   nlohmann/json    for model directories and tokenizer files; tensors, autograd and ops do without it

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
if(TERCET_OPENMP)
    find_package(OpenMP REQUIRED COMPONENTS CXX)
endif()
find_package(nlohmann_json 3.9 QUIET)
if(NOT nlohmann_json_FOUND)
    find_path(TERCET_NLOHMANN_INCLUDE nlohmann/json.hpp)
    mark_as_advanced(TERCET_NLOHMANN_INCLUDE)
    if(NOT TERCET_NLOHMANN_INCLUDE)
        message(WARNING "tercet: nlohmann/json was not found (Debian, Ubuntu: nlohmann-json3-dev). "
                        "Tensors, autograd and ops work; loading models and tokenizers will not compile.")
    endif()
endif()

# tercet_link_dependencies(target [BUILD_ONLY]): what was found, on the target's interface; BUILD_ONLY keeps it out of an export.
function(tercet_link_dependencies target)
    set(found Threads::Threads)
    if(TERCET_OPENMP)
        list(APPEND found OpenMP::OpenMP_CXX)
        target_compile_definitions(${target} INTERFACE $<BUILD_INTERFACE:TERCET_USE_OPENMP>)
    endif()
    if(nlohmann_json_FOUND)
        list(APPEND found nlohmann_json::nlohmann_json)
    elseif(TERCET_NLOHMANN_INCLUDE)
        target_include_directories(${target} SYSTEM INTERFACE $<BUILD_INTERFACE:${TERCET_NLOHMANN_INCLUDE}>)
    endif()
    foreach(library IN LISTS found)
        if(ARGV1 STREQUAL "BUILD_ONLY")
            target_link_libraries(${target} INTERFACE $<BUILD_INTERFACE:${library}>)
        else()
            target_link_libraries(${target} INTERFACE ${library})
        endif()
    endforeach()
endfunction()
