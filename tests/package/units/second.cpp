// The second of the two translation units: see first.cpp.
#include "units.hpp"

Seen look_from_second() {
    return look();
}
