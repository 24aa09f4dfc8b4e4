// What an error says.
#pragma once

#include "tercet/core/error.hpp"

namespace tercet_test {

template <class F>
std::string message_of(F&& f) {
    try {
        f();
    } catch (const tercet::Error& error) {
        return error.what();
    }
    return "nothing was thrown";
}

}  // namespace tercet_test
