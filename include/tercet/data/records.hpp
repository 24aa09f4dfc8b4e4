// Streams of what files hold: lines, rows of CSV and TSV (RFC 4180), JSON lines, and the files of a directory. Files are mapped, so they may be
// larger than memory; text that is not UTF-8 is refused by its line.
#pragma once

#include "tercet/data/stream.hpp"
#include "tercet/data/text_file.hpp"
#include "tercet/io/hub.hpp"

#include <filesystem>

namespace tercet::inline TERCET_ABI {

/// A line of a file, and where it stands.
struct TextLine {
    std::string text;
    std::string place;  // file and line
};

/// A row of a table.
struct TableRow {
    std::vector<std::string> fields;
    std::string place;  // file, and the line it begins on
};

struct TableOptions {
    char separator = ',';
    bool quotes = true;  // a field may stand in quotes, and then hold separators, line breaks and, doubled, quotes
};

namespace detail {

// A mapped file, read from the front.
class TextFile {
public:
    explicit TextFile(const std::string& path) : bytes_(std::make_shared<FileBytes>(open_file(path))) {
        rest_ = {reinterpret_cast<const char*>(bytes_->bytes().data()), bytes_->bytes().size()};
        if (rest_.starts_with(byte_order_mark)) rest_.remove_prefix(byte_order_mark.size());
    }

    bool at_end() const { return rest_.empty(); }
    std::string place() const { return bytes_->path() + ":" + std::to_string(line_); }
    /// The next line, without what ends it.
    std::string_view line() {
        const std::size_t end = std::min(rest_.find('\n'), rest_.size());
        auto found = rest_.substr(0, end);
        if (found.ends_with('\r')) found.remove_suffix(1);
        require_no_utf8_error(utf8_first_error(found), bytes_->path(), line_);
        rest_.remove_prefix(std::min(end + 1, rest_.size()));
        ++line_;
        return found;
    }

private:
    std::shared_ptr<FileBytes> bytes_;
    std::string_view rest_;
    std::size_t line_ = 1;
};

// The fields of the row that begins at the file's next line.
inline TableRow table_row(TextFile& file, const TableOptions& options) {
    TableRow row{{}, file.place()};
    std::string_view line = file.line();
    for (;;) {
        auto& field = row.fields.emplace_back();
        if (options.quotes && line.starts_with('"')) {
            for (line.remove_prefix(1);;) {
                const std::size_t quote = line.find('"');
                field += line.substr(0, quote);
                if (quote == std::string_view::npos) {  // it goes on on the next line
                    require(!file.at_end(), ErrorCode::invalid_argument, row.place, ": a field in quotes has no end");
                    field += '\n';
                    line = file.line();
                    continue;
                }
                line.remove_prefix(quote + 1);
                if (!line.starts_with('"')) break;
                field += '"';
                line.remove_prefix(1);
            }
            require(line.empty() || line.front() == options.separator, ErrorCode::invalid_argument, row.place, ": behind the quote that ends field ",
                    row.fields.size(), " stands neither a separator nor the end of the line");
        } else {
            const std::size_t end = std::min(line.find(options.separator), line.size());
            field = line.substr(0, end);
            require(!options.quotes || field.find('"') == std::string::npos, ErrorCode::invalid_argument, row.place, ": field ", row.fields.size(),
                    " has a quote, and does not begin with one");
            line.remove_prefix(end);
        }
        if (line.empty()) return row;
        line.remove_prefix(1);
        if (line.empty()) {  // a separator at the end: an empty field behind it
            row.fields.emplace_back();
            return row;
        }
    }
}

}  // namespace detail

/// A file's lines, those of white space too. Throws io; the stream throws bad_text with file and line.
inline Stream<TextLine> text_lines(const std::string& path) {
    return Stream<TextLine>([file = detail::TextFile(path)]() mutable {
        if (file.at_end()) return std::optional<TextLine>();
        auto place = file.place();
        return std::optional(TextLine{std::string(file.line()), std::move(place)});
    });
}

/// A table's rows, all with as many fields as the first; empty lines are passed over. Throws io; the stream throws bad_text, and invalid_argument for
/// broken quotes or another number of fields, with file and line.
inline Stream<TableRow> table_rows(const std::string& path, const TableOptions& options = {}) {
    return Stream<TableRow>([file = detail::TextFile(path), options, fields = std::size_t{0}]() mutable {
        while (!file.at_end()) {
            auto row = detail::table_row(file, options);
            if (row.fields.size() == 1 && row.fields[0].empty()) continue;
            if (fields == 0) fields = row.fields.size();
            require(row.fields.size() == fields, ErrorCode::invalid_argument, row.place, ": ", row.fields.size(), " fields, the first row has ",
                    fields);
            return std::optional(std::move(row));
        }
        return std::optional<TableRow>();
    });
}
/// Tab-separated values have no quotes.
inline Stream<TableRow> tsv_rows(const std::string& path) {
    return table_rows(path, {.separator = '\t', .quotes = false});
}

/// Columns of a table by their names in its first row, in this order. Throws what table_rows() throws, and missing_key with the names that there are.
inline Stream<TableRow> table_columns(const std::string& path, const std::vector<std::string>& names, const TableOptions& options = {}) {
    auto rows = table_rows(path, options);
    const auto header = rows.next();
    require(header.has_value(), ErrorCode::invalid_argument, path, ": there is no first row with the columns' names");
    std::vector<std::size_t> places;
    for (const auto& name : names) {
        const auto at = std::find(header->fields.begin(), header->fields.end(), name);
        std::string there;
        for (const auto& field : header->fields) there += (there.empty() ? "" : ", ") + field;
        require(at != header->fields.end(), ErrorCode::missing_key, path, ": there is no column ", detail::excerpt(name), " among ", there);
        places.push_back(static_cast<std::size_t>(at - header->fields.begin()));
    }
    return std::move(rows).map([places = std::move(places)](TableRow row) {
        TableRow chosen{{}, std::move(row.place)};
        for (const std::size_t place : places) chosen.fields.push_back(row.fields[place]);
        return chosen;
    });
}

/// A value of each line; lines of white space are passed over. Throws io; the stream throws bad_text and bad_json with file and line.
inline Stream<Json> json_lines(const std::string& path) {
    return text_lines(path)
        .filter([](const TextLine& line) { return line.text.find_first_not_of(" \t") != std::string::npos; })
        .map([](const TextLine& line) { return parse_json(line.text, line.place); });
}

/// The files of a directory and those in it whose names end so, in alphabetical order. Throws io.
inline std::vector<std::string> files_below(const std::string& directory, std::string_view ending = "") {
    std::vector<std::string> files;
    std::error_code error;
    for (std::filesystem::recursive_directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
        if (at->is_regular_file(error) && at->path().string().ends_with(ending)) files.push_back(at->path().string());
    require(!error, ErrorCode::io, directory, ": cannot read the directory: ", error.message());
    std::sort(files.begin(), files.end());
    return files;
}

/// The lines of all of them, one file after the other; a file is opened when its turn comes.
inline Stream<TextLine> text_lines_of(std::vector<std::string> files) {
    auto open = [files = std::move(files), i = std::size_t{0}, lines = std::make_shared<Stream<TextLine>>()]() mutable {
        for (;;) {
            if (auto line = lines->next()) return line;
            if (i == files.size()) return std::optional<TextLine>();
            *lines = text_lines(files[i++]);
        }
    };
    return Stream<TextLine>(std::move(open));
}

}  // namespace tercet::inline TERCET_ABI
