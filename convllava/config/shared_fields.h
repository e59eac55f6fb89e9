#pragma once

// Fields that a training stage and a checkpoint's record have in common.

#include "convllava/config/fields.h"
#include "convllava/image/preprocess.h"
#include "convllava/text/conversation.h"

namespace convllava::config {

/// Field `template`.
void visit_template(FieldVisitor& visitor, text::Template& value);

/// Section `image`.
void visit_image(FieldVisitor& visitor, image::PreprocessOptions& value);

}  // namespace convllava::config
