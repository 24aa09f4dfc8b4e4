#include "ids.hpp"

#include "command.hpp"

#include <charconv>

namespace cli {

namespace {

// Values for each row of ids, written into a tensor whose padding is left as it is.
template <class T>
void fill_rows(tercet::Tensor<T>& to, const std::vector<std::string>& given, const std::vector<Ids>& rows, const std::string& option, int largest) {
    if (given.empty()) return;
    const auto width = static_cast<std::size_t>(to.size(1));
    if (given.size() != rows.size())
        bad_usage(option + ": given " + std::to_string(given.size()) + " times, --ids " + std::to_string(rows.size()) + " times");
    for (std::size_t r = 0; r < rows.size(); ++r) {
        const Ids values = parse_ids(given[r], option);
        if (values.size() != rows[r].size() && values.size() != width)
            bad_usage(option + ": " + std::to_string(values.size()) + " values for a row of " + std::to_string(rows[r].size()) + " ids");
        for (std::size_t t = 0; t < values.size(); ++t) {
            if (values[t] < 0 || values[t] > largest)
                bad_usage(option + ": " + std::to_string(values[t]) + " is not in [0, " + std::to_string(largest) + "]");
            to.mutable_data()[r * width + t] = static_cast<T>(values[t]);
        }
    }
}

}  // namespace

Ids parse_ids(const std::string& text, const std::string& option) {
    Ids ids;
    if (text.empty()) return ids;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        const char *from = text.data() + begin, *to = text.data() + end;
        while (from < to && *from == ' ') ++from;
        while (from < to && to[-1] == ' ') --to;
        std::int32_t id = 0;
        const auto [stop, error] = std::from_chars(from, to, id);
        if (error == std::errc::invalid_argument || stop != to) bad_usage(option + ": '" + text.substr(begin, end - begin) + "' is not an integer");
        tercet::require(error == std::errc(), tercet::ErrorCode::index_out_of_range, option, ": ", text.substr(begin, end - begin),
                        " is outside every vocabulary");
        ids.push_back(id);
        begin = end + 1;
    }
    return ids;
}

Batch make_batch(const std::vector<std::string>& ids, const std::vector<std::string>& masks, const std::vector<std::string>& types) {
    std::vector<Ids> rows;
    std::size_t width = 0;
    for (const auto& text : ids) {
        rows.push_back(parse_ids(text, "--ids"));
        width = std::max(width, rows.back().size());
    }
    tercet::require(width > 0, tercet::ErrorCode::invalid_argument, "--ids: there are no ids");
    const tercet::Shape shape{static_cast<tercet::index_t>(rows.size()), static_cast<tercet::index_t>(width)};
    Batch batch{tercet::Tensor<std::int32_t>::zeros(shape), tercet::Tensor<std::int32_t>::zeros(shape), tercet::Tensor<std::uint8_t>::zeros(shape)};
    for (std::size_t r = 0; r < rows.size(); ++r) {
        std::copy(rows[r].begin(), rows[r].end(), batch.ids.mutable_data() + r * width);
        std::fill_n(batch.mask.mutable_data() + r * width, rows[r].size(), std::uint8_t{1});
    }
    fill_rows(batch.mask, masks, rows, "--attention-mask", 1);
    fill_rows(batch.type_ids, types, rows, "--type-ids", 1 << 20);
    const auto values = batch.mask.span();
    batch.masked = std::find(values.begin(), values.end(), 0) != values.end();
    return batch;
}

}  // namespace cli
