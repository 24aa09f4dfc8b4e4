// Two translation units that include everything must link, and share one copy of whatever is inline: the second is compiled with
// -march=native, this one is not.
#include "units.hpp"

#include <cstdio>
#include <cstring>

Seen look_from_first() {
    return look();
}

int main() {
    const Seen a = look_from_first(), b = look_from_second();
    if (a.kernels != b.kernels || a.chosen != b.chosen) return std::puts("the two units have kernel tables of their own"), 1;
    if (a.function != b.function) return std::puts("the two units have inline functions of their own"), 1;
    if (std::memcmp(a.results, b.results, sizeof a.results) != 0) return std::puts("the two units compute different bits"), 1;
    std::printf("both units: %s, %g\n", TERCET_VERSION_STRING, static_cast<double>(a.results[0]));
}
