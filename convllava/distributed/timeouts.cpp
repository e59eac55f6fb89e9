#include "convllava/distributed/timeouts.h"

namespace convllava::distributed {

void TimeoutOptions::visit_fields(config::FieldVisitor& visitor) {
  visitor.field("silence_seconds", silence_seconds,
                "How long a rank may give no sign of life to the others. A process that is stopped, or a machine that "
                "is cut off, ends the run on all ranks then. A process that dies ends it at once.",
                {5, 3600});
}

}  // namespace convllava::distributed
