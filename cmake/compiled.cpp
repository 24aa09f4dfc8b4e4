// The one object of tercet::compiled: every kernel for every instruction set, and the JSON parser where nlohmann/json is there.
// Who links it compiles with TERCET_SEPARATE_KERNELS.
#include <tercet/backend/cpu/kernels.inc>

#if __has_include(<nlohmann/json.hpp>)
#include <tercet/io/json_parse.inc>
#endif
