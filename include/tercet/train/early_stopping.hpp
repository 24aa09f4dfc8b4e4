// Early stopping (Prechelt 1998, "Early stopping — but when?"): a run ends when a measure on held-out data has stopped improving.
#pragma once

#include "tercet/core/error.hpp"

#include <cmath>
#include <limits>

namespace tercet::inline TERCET_ABI {

/// Options, and the memory of one run.
struct EarlyStopping {
    index_t patience = 5;      // reports without improvement that end the run
    double minimum_delta = 0;  // an improvement is larger than this
    bool maximise = false;     // larger measures are better

    double best = std::numeric_limits<double>::quiet_NaN();  // none yet
    index_t poor = 0;                                        // reports since then

    /// Takes the newest measure, and says whether the run should end. NaN is no improvement.
    bool report(double measure) {
        const double gain = maximise ? measure - best : best - measure;
        if (!std::isnan(measure) && (std::isnan(best) || gain > minimum_delta)) {
            best = measure;
            poor = 0;
        } else {
            ++poor;
        }
        return exhausted();
    }
    bool exhausted() const { return poor >= patience; }
};

}  // namespace tercet::inline TERCET_ABI
