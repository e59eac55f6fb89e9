"""docs/architecture.svg is what scripts/architecture.py draws from the table of layers."""

import pathlib
import sys

if len(sys.argv) < 2:
    sys.exit("usage: check_architecture.py SOURCE")

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(sys.argv[1]) / "scripts"))
import architecture  # noqa: E402

same = architecture.TARGET.exists() and architecture.TARGET.read_text() == architecture.draw()
print("docs/architecture.svg is the drawn one" if same else
      "docs/architecture.svg is not what scripts/architecture.py draws: run it")
sys.exit(not same)
