// Token ids on the command line: --ids 1,2,3, several times for a batch; and the masks and types that go with them.
#pragma once

#include <tercet/tensor/tensor.hpp>

#include <string>
#include <vector>

namespace cli {

using Ids = std::vector<std::int32_t>;

/// "1,2,3" as ids; none for an empty text. What is no integer is bad usage; one that no vocabulary can hold throws index_out_of_range.
Ids parse_ids(const std::string& text, const std::string& option);

/// Rows of ids as tensors (B, T).
struct Batch {
    tercet::Tensor<std::int32_t> ids;       // shorter rows padded on the right with 0
    tercet::Tensor<std::int32_t> type_ids;  // zeros unless given
    tercet::Tensor<std::uint8_t> mask;      // 0 for padding, or as given
    bool masked = false;                    // whether the mask hides anything
};

/// The batch of --ids, with --attention-mask and --type-ids in the same number, each as long as its row (or as the longest one).
Batch make_batch(const std::vector<std::string>& ids, const std::vector<std::string>& masks, const std::vector<std::string>& types);

}  // namespace cli
