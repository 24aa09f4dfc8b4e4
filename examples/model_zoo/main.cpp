// A zoo of models: versions with notes, tags, the way back, and files that are what they were.
//
//   model_zoo FOLDER add NAME PATH [NOTE]        PATH: a file or a directory, as `tercet finetune --out` and `tercet train` write them
//   model_zoo FOLDER list
//   model_zoo FOLDER tag NAME TAG VERSION        VERSION: a number, a tag, or the beginning of a digest
//   model_zoo FOLDER promote NAME VERSION        the tag "production"
//   model_zoo FOLDER rollback NAME               to the version that was in production before
//   model_zoo FOLDER restore NAME VERSION OUT    writes the files to the directory OUT
//   model_zoo FOLDER verify NAME VERSION         reads every byte
#include <tercet/io/registry.hpp>

#include <cstdio>
#include <ctime>
#include <iostream>

using namespace tercet;

namespace {

std::string in_words(const ModelVersion& v) {
    char date[32] = "";
    const auto seconds = static_cast<std::time_t>(v.seconds);
    if (std::tm utc{}; gmtime_r(&seconds, &utc) != nullptr) std::strftime(date, sizeof date, "%Y-%m-%d %H:%M", &utc);
    char size[32];
    std::snprintf(size, sizeof size, "%.1f MB", static_cast<double>(v.bytes()) / 1e6);
    return "version " + std::to_string(v.number) + "  " + v.digest.substr(0, 12) + "  " + date + "  " + size + "  " + v.note;
}

void list(const ModelRegistry& zoo) {
    for (const auto& model : zoo.list()) {
        std::cout << model.name << '\n';
        for (const auto& version : model.versions) {
            std::cout << "  " << in_words(version);
            for (const auto& [tag, history] : model.history)
                if (!history.empty() && history.back() == version.number) std::cout << "  [" << tag << ']';
            std::cout << '\n';
        }
    }
}

int usage() {
    std::cerr << "usage: model_zoo FOLDER add NAME PATH [NOTE] | list | tag NAME TAG VERSION | promote NAME VERSION | rollback NAME |\n"
                 "       restore NAME VERSION OUT | verify NAME VERSION\n";
    return 2;
}

int run(const std::vector<std::string>& words) {
    if (words.size() < 2) return usage();
    ModelRegistry zoo(words[0]);
    const auto is = [&](const char* command, std::size_t count) { return words[1] == command && words.size() == count + 2; };
    if (is("list", 0)) list(zoo);
    else if (is("add", 2) || is("add", 3)) std::cout << in_words(zoo.add(words[2], words[3], words.size() > 4 ? words[4] : "")) << '\n';
    else if (is("tag", 3)) zoo.tag(words[2], words[3], words[4]);
    else if (is("promote", 2)) zoo.promote(words[2], words[3]);
    else if (is("rollback", 1)) std::cout << in_words(zoo.roll_back(words[2])) << '\n';
    else if (is("restore", 3)) std::cout << in_words(zoo.restore(words[2], words[3], words[4])) << '\n';
    else if (is("verify", 2)) zoo.verify(words[2], words[3]);
    else return usage();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run({argv + 1, argv + argc});
    } catch (const std::exception& error) {
        std::cerr << "model_zoo: " << error.what() << '\n';
        return 1;
    }
}
