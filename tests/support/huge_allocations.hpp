// Lets a test ask for more memory than there is under a sanitizer, which else ends the program instead of refusing the request.
// Defines functions that the sanitizers look for: include it in one file of a test program.
#pragma once

extern "C" const char* __asan_default_options();
extern "C" const char* __tsan_default_options();

extern "C" __attribute__((used, visibility("default"))) const char* __asan_default_options() {
    return "allocator_may_return_null=1";
}
extern "C" __attribute__((used, visibility("default"))) const char* __tsan_default_options() {
    return "allocator_may_return_null=1";
}
