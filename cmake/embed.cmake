# tercet_embed_model(TARGET FILE [NAME NAME]): the bytes of a file as a part of a program or library.
#
#   add_executable(app app.cpp)
#   target_link_libraries(app PRIVATE tercet::tercet)
#   tercet_embed_model(app model.gguf NAME model)
#
#   #include <tercet_embedded/model.hpp>
#   const auto llm = tercet::load_causal_lm(tercet::embedded::model());     // a std::span<const std::byte>, 64-byte aligned
#
# FILE is any file, relative to the current source folder, or one that a custom command of that folder makes. NAME is a C++ identifier: the
# file's name, made into one, unless it is given. The assembler takes the bytes in (.incbin), so that a model of any size costs the compiler nothing,
# and they lie in the program's read-only pages, which are loaded as they are touched. A file that changes is embedded anew. GCC and Clang, on
# ELF systems and macOS.
function(tercet_embed_model target file)
    cmake_parse_arguments(PARSE_ARGV 2 arg "" "NAME" "")
    if(NOT TARGET ${target})
        message(FATAL_ERROR "tercet_embed_model: there is no target ${target}")
    endif()
    if(DEFINED arg_UNPARSED_ARGUMENTS OR DEFINED arg_KEYWORDS_MISSING_VALUES)
        message(FATAL_ERROR "tercet_embed_model(TARGET FILE [NAME NAME]): cannot read ${arg_UNPARSED_ARGUMENTS} ${arg_KEYWORDS_MISSING_VALUES}")
    endif()
    get_source_file_property(made ${file} GENERATED)
    if(made)
        get_filename_component(path ${file} ABSOLUTE BASE_DIR ${CMAKE_CURRENT_BINARY_DIR})
    else()
        get_filename_component(path ${file} ABSOLUTE)
        if(NOT EXISTS ${path} OR IS_DIRECTORY ${path})
            message(FATAL_ERROR "tercet_embed_model: there is no file ${path}")
        endif()
    endif()
    set(name "${arg_NAME}")
    if(NOT name)
        get_filename_component(name ${file} NAME)
        string(MAKE_C_IDENTIFIER ${name} name)
    endif()
    if(NOT name MATCHES "^[A-Za-z_][A-Za-z0-9_]*$")
        message(FATAL_ERROR "tercet_embed_model: the NAME ${name} is no C++ identifier")
    endif()

    set(folder ${CMAKE_CURRENT_BINARY_DIR}/tercet_embedded/${target})
    file(CONFIGURE OUTPUT ${folder}/include/tercet_embedded/${name}.hpp @ONLY CONTENT [[
// Made by tercet_embed_model() for the target @target@ from @path@
#pragma once

#include <cstddef>
#include <span>

namespace tercet::embedded {

/// The bytes of the file, for as long as the program runs; 64-byte aligned.
std::span<const std::byte> @name@() noexcept;

}  // namespace tercet::embedded
]])
    string(REGEX REPLACE "([\\\"])" "\\\\\\1" quoted ${path})  # for the assembler's string, and once more for C++'s
    string(REGEX REPLACE "([\\\"])" "\\\\\\1" quoted "\"${quoted}\"")
    file(CONFIGURE OUTPUT ${folder}/${name}.cpp @ONLY CONTENT [[
// Made by tercet_embed_model() for the target @target@ from @path@
#include <tercet_embedded/@name@.hpp>

#include <cstdint>

#ifdef __APPLE__
#define TERCET_READ_ONLY ".const_data\n"
#define TERCET_BACK ".text\n"
#else
#define TERCET_READ_ONLY ".pushsection .rodata\n"
#define TERCET_BACK ".popsection\n"
#endif

__asm__(TERCET_READ_ONLY
        ".balign 64\n"
        "tercet_embedded_@name@_begin:\n"
        ".incbin @quoted@\n"
        "tercet_embedded_@name@_end:\n"
        ".balign 8\n"
        "tercet_embedded_@name@_size: .quad tercet_embedded_@name@_end - tercet_embedded_@name@_begin\n"
        TERCET_BACK);

extern const std::byte tercet_embedded_@name@_bytes[] __asm__("tercet_embedded_@name@_begin");
extern const std::uint64_t tercet_embedded_@name@_length __asm__("tercet_embedded_@name@_size");

std::span<const std::byte> tercet::embedded::@name@() noexcept {
    return {tercet_embedded_@name@_bytes, static_cast<std::size_t>(tercet_embedded_@name@_length)};
}
]])
    target_sources(${target} PRIVATE ${folder}/${name}.cpp)
    target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${folder}/include>)
    target_compile_features(${target} PRIVATE cxx_std_20)
    # The labels are seen by this file alone, and so must stay in one object with it.
    set_source_files_properties(${folder}/${name}.cpp TARGET_DIRECTORY ${target} PROPERTIES OBJECT_DEPENDS ${path} COMPILE_OPTIONS -fno-lto
        SKIP_UNITY_BUILD_INCLUSION ON SKIP_PRECOMPILE_HEADERS ON)
endfunction()
