#pragma once

// The demo data set as a folder that the ordinary loader and `eval --bench textvqa` read:
//
//     images/<name>.jpg             images to train on
//     train_images/<image_id>.jpg   held-out images (the name TextVQA gives to that folder)
//     captions_{train,val}.json     LLaVA records of two turns: a prompt and a caption with every fact
//     instruct_{train,val}.json     LLaVA records of ten turns: every fact asked and answered
//     TextVQA_0.5.1_val.json        held-out images, one fact asked in each entry; "question_kind" names it
//     tokenizer.model               SentencePiece BPE as LLaMA's, trained on these texts
//     .make_demo_data               written first: the folder is this program's, which may write into it again
//
// The `image` of a record is relative to the folder. The same options give the same bytes.

#include <cstdint>
#include <filesystem>

namespace convllava::demo {

inline constexpr const char* kMarkerFile = ".make_demo_data";

struct DatasetOptions {
  std::filesystem::path folder;
  uint64_t seed = 1;
  int64_t train = 20000;   ///< images to train on
  int64_t held_out = 200;  ///< images to evaluate on
  int size = 64;           ///< pixels a side
  int threads = 2;
};

/// Throws ConfigError for options out of range and for a folder with files but without the marker file, DataError for a
/// file that cannot be written.
void write_dataset(const DatasetOptions& options);

}  // namespace convllava::demo
