// Models by name and version, in a folder: what runs, what ran before, and the way back.
//
//   ModelRegistry zoo("zoo");
//   zoo.add("reviews", "tuned/", "more examples");           // version 1, 2, …; the digest says which bytes it is
//   zoo.promote("reviews", "2");                              // the tag "production" is moved there
//   zoo.roll_back("reviews");                                 // and back to where it was
//   zoo.restore("reviews", "production", "/srv/model-2");     // the files, each held to its digest, in a folder of their own
//
// A version is its files' names, sizes and SHA-256 digests; its own digest is that of this list. Contents are kept once, whatever number of versions
// has them. On the disk:
//
//   blobs/DIGEST               a file's bytes
//   models/NAME.json           versions, tags and the tags' histories, replaced as a whole by each change
//
// Several processes may read while one writes; writers wait for each other (flock).
#pragma once

#include "tercet/io/directory.hpp"
#include "tercet/io/hub.hpp"
#include "tercet/io/json_text.hpp"
#include "tercet/io/mmap.hpp"
#include "tercet/io/sha256.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>

namespace tercet::inline TERCET_ABI {

struct RegisteredFile {
    std::string name;    // within the version; '/' between folders
    std::string digest;  // SHA-256
    std::int64_t bytes = 0;
};

struct ModelVersion {
    std::int64_t number = 0;  // 1, 2, … in the order of adding
    std::string digest;       // of the list of files
    std::string note;
    std::int64_t seconds = 0;  // since 1970, when it was added
    std::vector<RegisteredFile> files;

    std::int64_t bytes() const {
        std::int64_t sum = 0;
        for (const auto& file : files) sum += file.bytes;
        return sum;
    }
};

struct RegisteredModel {
    std::string name;
    std::vector<ModelVersion> versions;                        // the oldest first
    std::map<std::string, std::vector<std::int64_t>> history;  // of each tag: the versions that it was on, the present one last

    /// The version that a tag is on; null for a tag that is not there.
    const ModelVersion* tagged(const std::string& tag) const {
        const auto found = history.find(tag);
        return found == history.end() || found->second.empty() ? nullptr : &versions[static_cast<std::size_t>(found->second.back() - 1)];
    }
};

class ModelRegistry {
public:
    /// Makes the folder where it is missing. Throws io.
    explicit ModelRegistry(std::string directory) : directory_(std::move(directory)) {
        make_directory(join_path(directory_, "blobs"));
        make_directory(join_path(directory_, "models"));
    }

    /// A file, or a folder with all that is in it, as the next version of a model. What is there already, byte by byte, gets no new version. Throws
    /// io, and invalid_argument for a model's name that is no file's, an empty folder, a link to a folder, and files whose names are not plain text.
    ModelVersion add(const std::string& name, const std::string& path, std::string note = {}) {
        check_name(name);
        const Lock lock(*this);
        ModelVersion version{0, {}, std::move(note), seconds_now(), {}};
        for (const auto& [file, source] : files_of(path)) {
            const auto content = open_file(source);
            const auto digest = sha256(content.bytes());
            if (const auto blob = blob_path(digest); !file_exists(blob) || sha256(open_file(blob, {.map = false}).bytes()) != digest) {
                write_bytes(blob, content);
            }
            version.files.push_back({file, digest, static_cast<std::int64_t>(content.bytes().size())});
        }
        version.digest = digest_of(version.files);
        auto model = file_exists(model_path(name)) ? read(name) : RegisteredModel{name, {}, {}};
        for (const auto& earlier : model.versions)
            if (earlier.digest == version.digest) return earlier;
        version.number = static_cast<std::int64_t>(model.versions.size()) + 1;
        model.versions.push_back(version);
        write(model);
        return version;
    }

    /// The models that there are, by name. Throws what get() throws.
    std::vector<RegisteredModel> list() const {
        std::vector<std::string> names;
        std::error_code error;
        for (std::filesystem::directory_iterator at(join_path(directory_, "models"), error), end; !error && at != end; at.increment(error))
            if (at->path().extension() == ".json") names.push_back(at->path().stem().string());
        require(!error, ErrorCode::io, directory_, ": cannot be read: ", error.message());
        std::sort(names.begin(), names.end());
        std::vector<RegisteredModel> out;
        for (const auto& name : names) out.push_back(read(name));
        return out;
    }
    /// Throws invalid_argument for a model that is not there, io, and bad_json, missing_key or damaged for a folder that somebody changed.
    RegisteredModel get(const std::string& name) const {
        check_name(name);
        require(file_exists(model_path(name)), ErrorCode::invalid_argument, directory_, ": there is no model '", name, "'");
        return read(name);
    }
    /// The version that `which` means: a tag, a number, or the beginning of a digest (six digits at least). Throws as get(), and invalid_argument for
    /// what means none, or several.
    ModelVersion find(const std::string& name, const std::string& which) const { return *find_in(get(name), which); }

    /// Puts a tag on a version, from wherever it was. Throws as find(), and invalid_argument for a tag that could be a number or a digest.
    void tag(const std::string& name, const std::string& tag, const std::string& which) {
        const bool ambiguous = tag.find_first_not_of("0123456789abcdef") == std::string::npos;
        require(!tag.empty() && tag.size() <= 64 && !ambiguous && is_plain(tag), ErrorCode::invalid_argument, "tag ", detail::excerpt(tag),
                ": 1 to 64 letters, digits, '-', '_', '.', that are no number and no digest");
        const Lock lock(*this);
        auto model = get(name);
        const auto number = find_in(model, which)->number;
        auto& history = model.history[tag];
        if (!history.empty() && history.back() == number) return;
        history.push_back(number);
        write(model);
    }
    /// tag() with the tag of what runs.
    void promote(const std::string& name, const std::string& which) { tag(name, "production", which); }

    /// Takes a tag back to the version that it was on before, and gives that. Throws as get(), and invalid_argument where there was none.
    ModelVersion roll_back(const std::string& name, const std::string& tag = "production") {
        const Lock lock(*this);
        auto model = get(name);
        const auto found = model.history.find(tag);
        require(found != model.history.end() && found->second.size() >= 2, ErrorCode::invalid_argument, name, ": '", tag,
                "' was on no version before");
        found->second.pop_back();
        write(model);
        return *model.tagged(tag);
    }

    /// Writes a version's files into a folder, each checked against its digest before it is in place. The folder is to be new, or empty, or to hold
    /// files of these names alone: what is left of another version would be read with this one. A program that reads it meanwhile had better be given
    /// a new folder. Throws as find(), invalid_argument for other files that are there, and damaged for bytes that are not those that were added.
    ModelVersion restore(const std::string& name, const std::string& which, const std::string& directory) const {
        const auto version = find(name, which);
        if (is_directory(directory))
            each_file(directory, [&](const std::string& there, const std::string&) {
                const bool own =
                    std::any_of(version.files.begin(), version.files.end(), [&](const RegisteredFile& file) { return file.name == there; });
                require(own, ErrorCode::invalid_argument, directory, ": has a file ", detail::excerpt(there), " that is not of version ",
                        version.number, "; restore into a folder of its own");
            });
        for (const auto& file : version.files) {
            const auto content = checked_blob(file);
            const auto path = join_path(directory, file.name);
            make_directory(std::filesystem::path(path).parent_path().string());
            write_bytes(path, content);
        }
        return version;
    }

    /// Reads every byte of a version. Throws as find(), and damaged.
    void verify(const std::string& name, const std::string& which) const {
        for (const auto& file : find(name, which).files) checked_blob(file);
    }

private:
    // Held while something is written.
    class Lock {
    public:
        explicit Lock(const ModelRegistry& registry)
            : file_(::open(join_path(registry.directory_, "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
            if (file_.get() < 0) detail::fail_io(registry.directory_, "cannot open the lock", errno);
            while (::flock(file_.get(), LOCK_EX) != 0)
                if (errno != EINTR) detail::fail_io(registry.directory_, "cannot take the lock", errno);
        }

    private:
        detail::FileHandle file_;
    };

    static bool is_plain(const std::string& text) {
        return std::all_of(text.begin(), text.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
        });
    }
    static void check_name(const std::string& name) {
        require(!name.empty() && name.size() <= 128 && name[0] != '.' && is_plain(name), ErrorCode::invalid_argument, "model name ",
                detail::excerpt(name), ": 1 to 128 letters, digits, '-', '_', '.'");
    }
    static std::int64_t seconds_now() {
        return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    }
    // The files that a path is: their names within the version, and where they are.
    static std::vector<std::pair<std::string, std::string>> files_of(const std::string& path) {
        std::vector<std::pair<std::string, std::string>> out;
        if (!is_directory(path)) out.emplace_back(std::filesystem::path(path).filename().string(), path);
        else each_file(path, [&](const std::string& name, const std::string& source) { out.emplace_back(name, source); });
        require(!out.empty(), ErrorCode::invalid_argument, path, ": there are no files");
        for (const auto& [name, source] : out)
            require(quote_json(name) == '"' + name + '"', ErrorCode::invalid_argument, path, ": the file name ", detail::excerpt(name),
                    " is not plain text");
        std::sort(out.begin(), out.end());
        return out;
    }
    // f(name within the folder, path) of each file of a folder and those in it.
    template <class F>
    static void each_file(const std::string& path, const F& f) {
        std::error_code error;
        for (std::filesystem::recursive_directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
            const bool folder = at->is_directory(error);
            require(!folder || !at->is_symlink(error), ErrorCode::invalid_argument, at->path().string(), ": a link to a folder is not followed");
            if (!error && !folder) f(at->path().lexically_relative(path).generic_string(), at->path().string());
        }
        require(!error, ErrorCode::io, path, ": cannot be read: ", error.message());
    }
    static std::string digest_of(const std::vector<RegisteredFile>& files) {
        Sha256 hash;
        for (const auto& file : files) hash.add(file.digest + " " + std::to_string(file.bytes) + " " + file.name + "\n");
        return hash.digest();
    }
    std::string blob_path(const std::string& digest) const { return join_path(directory_, "blobs/" + digest); }
    std::string model_path(const std::string& name) const { return join_path(directory_, "models/" + name + ".json"); }

    static void write_bytes(const std::string& path, const FileBytes& content) {
        const std::span<const std::byte> parts[] = {content.bytes()};
        write_file_atomically(path, parts, {.durable = true});
    }
    FileBytes checked_blob(const RegisteredFile& file) const {
        auto content = open_file(blob_path(file.digest), {.map = false});
        require(sha256(content.bytes()) == file.digest, ErrorCode::damaged, blob_path(file.digest), ": '", file.name,
                "' is not what it was when it was added");
        return content;
    }

    static const ModelVersion* find_in(const RegisteredModel& model, const std::string& which) {
        if (const auto* tagged = model.tagged(which)) return tagged;
        const ModelVersion* found = nullptr;
        for (const auto& version : model.versions) {
            const bool meant = std::to_string(version.number) == which || (which.size() >= 6 && version.digest.starts_with(which));
            require(!meant || found == nullptr, ErrorCode::invalid_argument, model.name, ": '", which, "' means several versions");
            if (meant) found = &version;
        }
        require(found != nullptr, ErrorCode::invalid_argument, model.name, ": there is no version or tag '", which, "'");
        return found;
    }

    void write(const RegisteredModel& model) const {
        const auto version_text = [](const ModelVersion& v) {
            JsonText text("      ");
            text.count("version", static_cast<index_t>(v.number))
                .string("digest", v.digest)
                .string("note", v.note)
                .count("seconds", static_cast<index_t>(v.seconds));
            return text
                .list("files", v.files,
                      [](const RegisteredFile& f) {
                          return "{\"name\": " + quote_json(f.name) + ", \"sha256\": \"" + f.digest + "\", \"bytes\": " + std::to_string(f.bytes) +
                                 "}";
                      })
                .nested();
        };
        JsonText tags("    ");
        for (const auto& [tag, history] : model.history) tags.list(tag, history, [](std::int64_t n) { return std::to_string(n); });
        const auto text = JsonText().string("name", model.name).list("versions", model.versions, version_text).json("tags", tags.nested()).text();
        write_file_atomically(model_path(model.name), text, {.durable = true});
    }
    RegisteredModel read(const std::string& name) const {
        const std::string path = model_path(name);
        const Json json = read_json_file(path);
        RegisteredModel model{name, {}, {}};
        for (const auto& v : json.at("versions").elements()) {
            ModelVersion version{v.at("version").as_int(), v.at("digest").as_string(), v.at("note").as_string(), v.at("seconds").as_int(), {}};
            for (const auto& f : v.at("files").elements()) {
                version.files.push_back({f.at("name").as_string(), f.at("sha256").as_string(), f.at("bytes").as_int()});
                const auto& file = version.files.back();
                // These become paths: what leads out of a folder is no name of ours.
                const auto within = std::filesystem::path(file.name).lexically_normal();
                require(!file.name.empty() && within.is_relative() && *within.begin() != ".." && file.digest.size() == 64 &&
                            file.digest.find_first_not_of("0123456789abcdef") == std::string::npos,
                        ErrorCode::damaged, path, ": version ", version.number, " has a file '", file.name, "' with the digest '", file.digest, "'");
            }
            require(version.number == static_cast<std::int64_t>(model.versions.size()) + 1 && version.digest == digest_of(version.files),
                    ErrorCode::damaged, path, ": version ", version.number, " is not what was added");
            model.versions.push_back(std::move(version));
        }
        for (const auto& [tag, history] : json.at("tags").items())
            for (const auto& number : history.elements()) {
                model.history[tag].push_back(number.as_int());
                require(number.as_int() >= 1 && number.as_int() <= static_cast<std::int64_t>(model.versions.size()), ErrorCode::damaged, path,
                        ": the tag '", tag, "' is on a version that is not there");
            }
        return model;
    }

    std::string directory_;
};

}  // namespace tercet::inline TERCET_ABI
