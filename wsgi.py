"""`gunicorn -k geventwebsocket wsgi:app`: serves the script or folder that `MOCKLLM_SCRIPT` names.

Without it the quickstart example is served. A script with errors stops the start, with its diagnostics.
"""

import sys

from dsl import ScriptError
from mockllm.access import Access
from mockllm.app import create_app
from mockllm.serving import LoadError, load
from mockllm.settings import SettingError, Settings, script_path

try:
    app = create_app(load(script_path(), Settings.from_environ()), Access.from_environ())
except (ScriptError, LoadError, SettingError) as error:
    print(error, file=sys.stderr)
    sys.exit(1)
