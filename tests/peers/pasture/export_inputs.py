"""Write the objects of fediverse-pasture-inputs to the JSON file named: {group: [object, ...]}.

Runs in the environment that tests/peers/setup.sh makes, not in ours. Each example says what it adds to a plain note.
"""

import json
import sys
from pathlib import Path

from fediverse_pasture_inputs import available

inputs = {name: data.examples for name, data in sorted(available.items())}
Path(sys.argv[1]).write_text(json.dumps(inputs, ensure_ascii=False, indent=1), "utf-8")
